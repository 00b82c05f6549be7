// EXPECT: the parameters cannot be read from this callable \(overloaded, generic, or not callable\)
#include "host_parts.h"

void use() {
#ifdef ENGIN_COMPILE_OK
  (void)engin::Provide([](Config&) { return Pool(); });
#else
  (void)engin::Provide([](auto&) { return Pool(); });
#endif
}
