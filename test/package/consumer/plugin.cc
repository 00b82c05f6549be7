// A shared object that knows nothing of engin and throws types of its own, which are visible nowhere else.
#include <stdexcept>

namespace plugin {
struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct Odd {};  // not derived from std::exception
}  // namespace plugin

extern "C" __attribute__((visibility("default"))) void throw_broken() { throw plugin::Broken("the plugin is broken"); }
extern "C" __attribute__((visibility("default"))) void throw_odd() { throw plugin::Odd(); }
