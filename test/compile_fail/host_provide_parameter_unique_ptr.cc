// EXPECT: a std::unique_ptr<T> cannot be injected, since the value stays with the Engin
#include "host_parts.h"

void use() {
#ifdef ENGIN_COMPILE_OK
  (void)engin::Provide([](Config&) { return Pool(); });
#else
  (void)engin::Provide([](std::unique_ptr<Config>) { return Pool(); });
#endif
}
