// Waiting for time in a coroutine, without a thread.
#ifndef ENGIN_SLEEP_H_
#define ENGIN_SLEEP_H_

#include <chrono>
#include <coroutine>

#include "engin/detail/export.h"
#include "engin/detail/time.h"
#include "engin/detail/wait.h"

namespace engin {

namespace detail {

class [[nodiscard("co_await it")]] SleepAwaiter : private Wait {
 public:
  SleepAwaiter(TimePoint until, bool ignores_stop) noexcept
      : Wait(&arm_sleep, ignores_stop), when_(until.time_since_epoch()), relative_(false) {}
  SleepAwaiter(Duration d, bool ignores_stop) noexcept : Wait(&arm_sleep, ignores_stop), when_(d), relative_(true) {}

  bool await_ready() const noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> h) {
    leave_from(*this, h);
  }
  /// True if the time has passed, false if stop cut it short.
  [[nodiscard]] bool await_resume() const noexcept { return result != Result::Stopped; }

 private:
  ENGIN_EXPORT static bool arm_sleep(Wait& wait, Strand& strand) noexcept;
  Duration when_;
  bool relative_;
};

class [[nodiscard("co_await it")]] YieldAwaiter : private Wait {
 public:
  explicit YieldAwaiter(bool ignores_stop) noexcept : Wait(&arm_yield, ignores_stop) {}
  bool await_ready() const noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> h) {
    leave_from(*this, h);
  }
  [[nodiscard]] bool await_resume() const noexcept { return result != Result::Stopped; }

 private:
  ENGIN_EXPORT static bool arm_yield(Wait& wait, Strand& strand) noexcept;
};

}  // namespace detail

/// `co_await sleep_for(d)`: true after `d`; false as soon as stop is requested of the attempt (at once if it was
/// before). Zero or less still lets other ready jobs go first. Never earlier than due.
template <class Rep, class Period>
detail::SleepAwaiter sleep_for(std::chrono::duration<Rep, Period> d) noexcept {
  return detail::SleepAwaiter(detail::saturate(d), false);
}
template <class Rep, class Period>
detail::SleepAwaiter sleep_for(std::chrono::duration<Rep, Period> d, IgnoreStop) noexcept {
  return detail::SleepAwaiter(detail::saturate(d), true);
}

/// The same until a moment of the monotonic clock.
template <class D>
detail::SleepAwaiter sleep_until(std::chrono::time_point<Clock, D> t) noexcept {
  return detail::SleepAwaiter(detail::saturate(t), false);
}
template <class D>
detail::SleepAwaiter sleep_until(std::chrono::time_point<Clock, D> t, IgnoreStop) noexcept {
  return detail::SleepAwaiter(detail::saturate(t), true);
}

/// `co_await yield()`: lets other ready jobs go first. False once stop is requested.
inline detail::YieldAwaiter yield() noexcept { return detail::YieldAwaiter(false); }
inline detail::YieldAwaiter yield(IgnoreStop) noexcept { return detail::YieldAwaiter(true); }

}  // namespace engin

#endif  // ENGIN_SLEEP_H_
