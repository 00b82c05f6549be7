// EXPECT: the callable must return void, absl::Status, engin::Co<> or engin::Co<absl::Status>
#include <engin/supervisor.h>

#ifdef ENGIN_COMPILE_OK
engin::Hook hook = [](std::stop_token) -> absl::Status { return absl::OkStatus(); };
#else
engin::Hook hook = [] { return 1; };
#endif
