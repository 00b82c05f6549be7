// EXPECT: an Invoke must return nothing
#include "host_parts.h"

void use() {
#ifdef ENGIN_COMPILE_OK
  (void)engin::Invoke([](Config&) {});
#else
  (void)engin::Invoke([](Config&) { return 1; });
#endif
}
