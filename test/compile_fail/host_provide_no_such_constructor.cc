// EXPECT: T has no public constructor with these parameters
#include "host_parts.h"

void use() {
#ifdef ENGIN_COMPILE_OK
  (void)engin::Provide<TwoConstructors(Config&)>();
#else
  (void)engin::Provide<TwoConstructors(Config&, Pool&)>();
#endif
}
