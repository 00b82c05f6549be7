// EXPECT: an Engin and a Block are made of options
#include "host_parts.h"

void use() {
#ifdef ENGIN_COMPILE_OK
  (void)engin::Engin(engin::Supply(Config()));
#else
  (void)engin::Engin(Config());
#endif
}
