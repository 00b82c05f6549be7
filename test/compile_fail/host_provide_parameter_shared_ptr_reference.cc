// EXPECT: are made for the call; take them by value
#include "host_parts.h"

void use() {
#ifdef ENGIN_COMPILE_OK
  (void)engin::Provide([](std::shared_ptr<Config>) { return Pool(); });
#else
  (void)engin::Provide([](std::shared_ptr<Config>&) { return Pool(); });
#endif
}
