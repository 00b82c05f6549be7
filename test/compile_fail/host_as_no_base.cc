// EXPECT: as<Interface>\(\) needs a public base of what is provided
#include "host_parts.h"

void use() {
#ifdef ENGIN_COMPILE_OK
  (void)engin::Supply(Pool()).as<Pool>();
#else
  (void)engin::Supply(Pool()).as<Config>();
#endif
}
