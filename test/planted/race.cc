// Two tasks write one variable. Through the library and the oneTBB beneath it, so that a oneTBB without instrumentation
// or a suppression that is too wide is noticed as well.
#include <latch>

#include "engin/supervisor.h"

int main() {
  int shared = 0;
  std::latch both(2);
  engin::Supervisor supervisor({.runners = 2, .default_observer = false});
  for (int i = 0; i < 2; ++i) {
    supervisor.supervise(
        [&] {
          both.arrive_and_wait();
          for (int n = 0; n < 1000; ++n) ++shared;
        },
        {.blocking = true});
  }
  supervisor.start();
  supervisor.wait_all();
  return shared == 0 ? 1 : 0;
}
