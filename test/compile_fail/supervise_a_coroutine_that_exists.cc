// EXPECT: this is a coroutine that already exists; hand over the callable that makes it
#include <engin/supervisor.h>

engin::Co<> body();

void use(engin::Supervisor& supervisor) {
#ifdef ENGIN_COMPILE_OK
  supervisor.supervise(body);
#else
  supervisor.supervise(body());
#endif
}
