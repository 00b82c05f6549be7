// EXPECT: this parameter is taken by value
#include "host_parts.h"

void use() {
#ifdef ENGIN_COMPILE_OK
  (void)engin::Provide([](int&) { return Pool(); });
#else
  (void)engin::Provide([](int) { return Pool(); });
#endif
}
