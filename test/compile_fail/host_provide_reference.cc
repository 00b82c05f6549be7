// EXPECT: a provider must not return a reference: nothing would own the value
#include "host_parts.h"

void use() {
#ifdef ENGIN_COMPILE_OK
  (void)engin::Provide([](Config& config) -> Config { return config; });
#else
  (void)engin::Provide([](Config& config) -> Config& { return config; });
#endif
}
