// EXPECT: this parameter is taken by value; take it as T&, const T&, T\* or std::shared_ptr<T>
#include "host_parts.h"

void use() {
#ifdef ENGIN_COMPILE_OK
  (void)engin::Provide([](const Config&) { return Pool(); });
#else
  (void)engin::Provide([](Config) { return Pool(); });
#endif
}
