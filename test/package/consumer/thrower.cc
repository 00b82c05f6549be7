// Loads a shared object whose functions throw types of its own; they arrive in the shutdown's cause by name.
#include <engin/supervisor.h>

#include <cstdlib>
#include <iostream>
#include <string>

#include <dlfcn.h>

namespace {

bool expect(void* object, const char* function, const std::string& type, const std::string& message) {
  auto* const call = reinterpret_cast<void (*)()>(dlsym(object, function));
  if (call == nullptr) {
    std::cerr << dlerror() << '\n';
    return false;
  }
  engin::Supervisor supervisor({.default_observer = false});
  supervisor.supervise([call] { call(); }, {.name = function});
  const int code = supervisor.run();
  const auto cause = supervisor.wait().cause;
  if (code == 1 && cause.failure && cause.failure->type() == type && cause.failure->message() == message) return true;
  std::cerr << function << ": expected " << type << ", got exit code " << code << ", " << cause.describe() << '\n';
  return false;
}

}  // namespace

int main(int, char** arguments) {
  // Kept open: the exceptions that we hold have their code there.
  void* const object = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  if (object == nullptr) {
    std::cerr << dlerror() << '\n';
    return EXIT_FAILURE;
  }
  const bool broken = expect(object, "throw_broken", "plugin::Broken", "the plugin is broken");
  const bool odd = expect(object, "throw_odd", "plugin::Odd", "");
  return broken && odd ? EXIT_SUCCESS : EXIT_FAILURE;
}
