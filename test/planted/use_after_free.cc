// A task uses what its owner has destroyed.
#include <memory>

#include "engin/supervisor.h"

int main() {
  auto owned = std::make_unique<int>(1);
  volatile int* const kept = owned.get();
  engin::Supervisor supervisor({.default_observer = false});
  supervisor.supervise([kept] { *kept = 2; });
  owned.reset();
  supervisor.start();
  supervisor.wait_all();
  return 0;
}
