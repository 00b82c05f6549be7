// EXPECT: a std::unique_ptr<T> cannot be injected, since the value stays with the Engin
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
  (void)engin::Provide([](Config&) { return Pool(); });
#else
  (void)engin::Provide([](std::unique_ptr<Config>) { return Pool(); });
#endif
}
