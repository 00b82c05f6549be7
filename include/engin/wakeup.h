// Waiting in a coroutine until somebody says so.
#ifndef ENGIN_WAKEUP_H_
#define ENGIN_WAKEUP_H_

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <mutex>

#include "engin/detail/export.h"
#include "engin/detail/time.h"
#include "engin/detail/wait.h"

namespace engin {

class Wakeup;

enum class WaitResult : std::uint8_t { Signalled, TimedOut, Stopped };

namespace detail {

struct WakeupWait : Wait {
  WakeupWait(Wakeup& w, Duration d, bool ignores_stop) noexcept
      : Wait(&arm_wakeup, ignores_stop), wakeup(w), timeout(d) {}
  ENGIN_EXPORT ~WakeupWait();
  WakeupWait(const WakeupWait&) = delete;
  WakeupWait& operator=(const WakeupWait&) = delete;

  ENGIN_EXPORT static bool arm_wakeup(Wait& wait, Strand& strand) noexcept;

  Wakeup& wakeup;
  Duration timeout;
  Strand* strand = nullptr;
  std::uint32_t epoch = 0;
  bool linked = false;  // guarded by the wakeup's mutex
  WakeupWait* prev = nullptr;
  WakeupWait* next = nullptr;
};

class [[nodiscard("co_await it")]] WakeupAwaiter : protected WakeupWait {
 public:
  using WakeupWait::WakeupWait;
  bool await_ready() const noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> h) {
    leave_from(*this, h);
  }
  /// True if notified, false if stop cut it short.
  [[nodiscard]] bool await_resume() const noexcept { return result == Result::Done; }
};

class [[nodiscard("co_await it")]] TimedWakeupAwaiter : public WakeupAwaiter {
 public:
  using WakeupAwaiter::WakeupAwaiter;
  [[nodiscard]] WaitResult await_resume() const noexcept {
    switch (result) {
      case Result::Done:
        return WaitResult::Signalled;
      case Result::TimedOut:
        return WaitResult::TimedOut;
      default:
        return WaitResult::Stopped;
    }
  }
};

}  // namespace detail

/// One coroutine waits, another thread has something for it. Any number of waiters, first come first served.
///
/// `notify` before `wait`: the next wait returns at once (one permit, however often it was notified). `notify` after
/// `wait`: the oldest waiter that stop has not already cut short wakes; a notification is never lost on one that has.
/// Both functions may be called from any thread, also outside tasks, and never throw or block for long. Must outlive
/// its waiters, but not those that a notification has woken: destroying it with waiters ends the process with a line
/// that says so.
class ENGIN_EXPORT Wakeup {
 public:
  using Result = WaitResult;
  using enum WaitResult;

  Wakeup() noexcept = default;
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;
  ~Wakeup();

  /// Wakes one waiter, or else lets the next wait return at once.
  void notify() noexcept;
  /// Wakes all waiters present; leaves no permit.
  void notify_all() noexcept;

  /// `co_await wait()`: true when notified, false as soon as stop is requested.
  detail::WakeupAwaiter wait() noexcept { return {*this, Duration::max(), false}; }
  detail::WakeupAwaiter wait(IgnoreStop) noexcept { return {*this, Duration::max(), true}; }
  template <class Rep, class Period>
  detail::TimedWakeupAwaiter wait_for(std::chrono::duration<Rep, Period> d) noexcept {
    return {*this, detail::saturate(d), false};
  }
  template <class Rep, class Period>
  detail::TimedWakeupAwaiter wait_for(std::chrono::duration<Rep, Period> d, IgnoreStop) noexcept {
    return {*this, detail::saturate(d), true};
  }

 private:
  friend struct detail::WakeupWait;
  detail::WakeupWait* pop() noexcept;
  void unlink(detail::WakeupWait& wait) noexcept;

  std::mutex mutex_;
  detail::WakeupWait* head_ = nullptr;
  detail::WakeupWait* tail_ = nullptr;
  bool permit_ = false;
};

}  // namespace engin

#endif  // ENGIN_WAKEUP_H_
