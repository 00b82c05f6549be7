// EXPECT: the callable must be callable as f\(std::stop_token\) or f\(\); bind its arguments
#include <engin/supervisor.h>

void consume(int queue, std::stop_token stop);

void use(engin::Supervisor& supervisor) {
#ifdef ENGIN_COMPILE_OK
  supervisor.supervise(std::bind_front(consume, 1));
#else
  supervisor.supervise(consume);
#endif
}
