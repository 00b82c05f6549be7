// A task uses a variable of a function that has returned.
#include "engin/supervisor.h"

namespace {

[[gnu::noinline]] void hand_over(engin::Supervisor& supervisor) {
  volatile int local = 1;
  supervisor.supervise([&local] { local = local + 1; });
}

}  // namespace

int main() {
  engin::Supervisor supervisor({.default_observer = false});
  hand_over(supervisor);
  supervisor.start();
  supervisor.wait_all();
  return 0;
}
