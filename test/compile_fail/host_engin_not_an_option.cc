// EXPECT: an Engin and a Block are made of options
#include <functional>
#include <memory>
#include <string>

#include "engin/engin.h"

struct Config {};
struct Pool {};
struct TwoConstructors {
  TwoConstructors() {}
  explicit TwoConstructors(Config&) {}
};
struct ByValue {
  explicit ByValue(Pool&, Config) {}
};
struct ByReference {
  explicit ByReference(Pool&, const Config&) {}
};

void use() {
#ifdef ENGIN_COMPILE_OK
  (void)engin::Engin(engin::Supply(Config()));
#else
  (void)engin::Engin(Config());
#endif
}
