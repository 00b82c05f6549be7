// What the host's options are made of in these tests.
#ifndef ENGIN_TEST_COMPILE_FAIL_HOST_PARTS_H_
#define ENGIN_TEST_COMPILE_FAIL_HOST_PARTS_H_

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

#endif  // ENGIN_TEST_COMPILE_FAIL_HOST_PARTS_H_
