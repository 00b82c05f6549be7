// The calling thread.
#ifndef ENGIN_LIB_BASE_THIS_THREAD_H_
#define ENGIN_LIB_BASE_THIS_THREAD_H_

#include <thread>

#include <sys/prctl.h>
#include <unistd.h>

namespace engin::base::this_thread {

/// A pointer to T that each thread has of its own, null at first. Not for coroutines, which may go on on another
/// thread with the reference of the one before.
template <class T>
T*& own() noexcept {
  static constinit thread_local T* pointer = nullptr;
  return pointer;
}

/// As the kernel numbers it.
inline pid_t id() noexcept { return gettid(); }

inline void yield() noexcept { std::this_thread::yield(); }

/// Lets its waits end on time. The default slack lets the kernel wake it 50 us late; one of 1 ns costs nothing for a
/// thread that sleeps alone.
inline void sleep_precisely() noexcept { prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); }

}  // namespace engin::base::this_thread

#endif  // ENGIN_LIB_BASE_THIS_THREAD_H_
