// EXPECT: a parameter of this constructor is taken by value
#include "host_parts.h"

void use() {
#ifdef ENGIN_COMPILE_OK
  (void)engin::Provide<ByReference>();
#else
  (void)engin::Provide<ByValue>();
#endif
}
