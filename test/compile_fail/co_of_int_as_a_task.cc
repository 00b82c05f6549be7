// EXPECT: the callable must return void, absl::Status, engin::Co<> or engin::Co<absl::Status>
#include <engin/supervisor.h>

engin::Co<int> number();

void use(engin::Supervisor& supervisor) {
#ifdef ENGIN_COMPILE_OK
  supervisor.supervise([]() -> engin::Co<> { co_await number(); });
#else
  supervisor.supervise(number);
#endif
}
