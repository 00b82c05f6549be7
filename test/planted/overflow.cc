// A task computes what has no value.
#include <climits>

#include "engin/supervisor.h"

int main() {
  volatile int large = INT_MAX;
  engin::Supervisor supervisor({.default_observer = false});
  supervisor.supervise([&large] { large = large + 1; });
  supervisor.start();
  supervisor.wait_all();
  return 0;
}
