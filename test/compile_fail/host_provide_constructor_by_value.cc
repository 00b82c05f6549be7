// EXPECT: a parameter of this constructor is taken by value
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
  (void)engin::Provide<ByReference>();
#else
  (void)engin::Provide<ByValue>();
#endif
}
