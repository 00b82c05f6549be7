#include <engin/engin.h>

#include <cstdio>
#include <stdexcept>

using namespace std::chrono_literals;

int main() {
  engin::Supervisor supervisor;
  int fetched = 0;
  supervisor.supervise(
      [&] {
        std::printf("page %d\n", ++fetched);
        if (fetched < 3) throw std::runtime_error("connection reset");
      },
      {.name = "fetcher",
       .on_exception = engin::OnException::Retry,
       .backoff = {.initial = 10ms, .max = 1s},
       .on_return = engin::OnReturn::Shutdown});
  return supervisor.run();
}
