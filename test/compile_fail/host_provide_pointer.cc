// EXPECT: a provider must not give a plain pointer: nothing would own the value
#include "host_parts.h"

void use() {
#ifdef ENGIN_COMPILE_OK
  (void)engin::Provide([] { return std::make_unique<Pool>(); });
#else
  (void)engin::Provide([]() -> Pool* { return nullptr; });
#endif
}
