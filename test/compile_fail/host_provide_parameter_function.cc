// EXPECT: a parameter of this type can never be injected
#include "host_parts.h"

void use() {
#ifdef ENGIN_COMPILE_OK
  (void)engin::Provide([](std::function<void()>&) { return Pool(); });
#else
  (void)engin::Provide([](void (*)()) { return Pool(); });
#endif
}
