#include <engin/engin.h>

#include <cstdio>

using namespace std::chrono_literals;

int main() {
  engin::Supervisor supervisor;
  int fetched = 0;
  supervisor.supervise(
      [&](std::stop_token stop) {
        while (!stop.stop_requested() && fetched < 3) {
          std::printf("page %d\n", ++fetched);
          engin::this_task::sleep_for(10ms);
        }
      },
      {.name = "fetcher", .on_return = engin::OnReturn::Shutdown});
  return supervisor.run();
}
