// EXPECT: awaitables of engin can only be awaited by a coroutine that returns an engin::Co
#include <engin/supervisor.h>

struct Foreign {
  struct promise_type {
    Foreign get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() {}
  };
};

#ifdef ENGIN_COMPILE_OK
engin::Co<> wait() { (void)co_await engin::sleep_for(std::chrono::seconds(1)); }
#else
Foreign wait() { (void)co_await engin::sleep_for(std::chrono::seconds(1)); }
#endif
