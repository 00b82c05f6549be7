// EXPECT: the callable must be callable as f\(std::stop_token\) or f\(\)
#include <engin/supervisor.h>

void use(engin::Supervisor& supervisor) {
#ifdef ENGIN_COMPILE_OK
  supervisor.supervise(engin::every(std::chrono::seconds(1), [](std::stop_token) {}));
#else
  supervisor.supervise(engin::every(std::chrono::seconds(1), [](int) {}));
#endif
}
