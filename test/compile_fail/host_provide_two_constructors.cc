// EXPECT: needs a T with exactly one public constructor
#include "host_parts.h"

void use() {
#ifdef ENGIN_COMPILE_OK
  (void)engin::Provide<TwoConstructors(Config&)>();
#else
  (void)engin::Provide<TwoConstructors>();
#endif
}
