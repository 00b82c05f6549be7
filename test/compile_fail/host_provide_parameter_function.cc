// EXPECT: a parameter of this type can never be injected
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
  (void)engin::Provide([](std::function<void()>&) { return Pool(); });
#else
  (void)engin::Provide([](void (*)()) { return Pool(); });
#endif
}
