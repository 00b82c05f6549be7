// EXPECT: a provider must return what it provides; what returns nothing is an Invoke
#include "host_parts.h"

void use() {
#ifdef ENGIN_COMPILE_OK
  (void)engin::Provide([](Config&) { return Pool(); });
#else
  (void)engin::Provide([](Config&) {});
#endif
}
