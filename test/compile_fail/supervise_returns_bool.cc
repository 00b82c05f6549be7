// EXPECT: the callable must return void, absl::Status, engin::Co<> or engin::Co<absl::Status>
#include <engin/supervisor.h>

void use(engin::Supervisor& supervisor) {
#ifdef ENGIN_COMPILE_OK
  supervisor.supervise([]() -> absl::Status { return absl::OkStatus(); });
#else
  supervisor.supervise([] { return true; });
#endif
}
