// EXPECT: must not give a plain pointer: nothing would own the value
#include "host_parts.h"

void use() {
#ifdef ENGIN_COMPILE_OK
  (void)engin::Supply(std::string("text"));
#else
  (void)engin::Supply("text");
#endif
}
