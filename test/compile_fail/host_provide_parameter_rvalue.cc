// EXPECT: a parameter of type T&& cannot be injected
#include "host_parts.h"

void use() {
#ifdef ENGIN_COMPILE_OK
  (void)engin::Provide([](Config&) { return Pool(); });
#else
  (void)engin::Provide([](Config&&) { return Pool(); });
#endif
}
