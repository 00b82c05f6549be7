// A task fails once, is restarted, and asks for shutdown.
#include <engin/supervisor.h>

#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <stop_token>

int main() {
  engin::Supervisor supervisor;
  int calls = 0;
  supervisor.supervise(
      [&](std::stop_token) {
        if (++calls == 1) throw std::runtime_error("the first call fails");
        supervisor.request_shutdown("the second call succeeded");
      },
      {.name = "consumer", .on_exception = engin::OnException::Retry, .backoff = engin::Backoff::immediate()});
  const int code = supervisor.run();
  if (code != 0 || calls != 2) {
    std::cerr << "expected exit code 0 after 2 calls, got " << code << " after " << calls << '\n';
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
