// EXPECT: a provider must not return a reference: nothing would own the value
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
  (void)engin::Provide([](Config& config) -> Config { return config; });
#else
  (void)engin::Provide([](Config& config) -> Config& { return config; });
#endif
}
