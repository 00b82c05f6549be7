// The timers of a runtime: a queue of deadlines, and the thread that fires them.
#ifndef ENGIN_LIB_RUNTIME_RESTART_SCHEDULER_H_
#define ENGIN_LIB_RUNTIME_RESTART_SCHEDULER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/futex.h"
#include "base/mutex.h"
#include "base/thread.h"
#include "runtime/runner_pool.h"
#include "runtime/runtime.h"
#include "runtime/timer_queue.h"

namespace engin::runtime {

/// Fires timers on a thread of its own, which runs no user code and sleeps while nothing is due, and hands the jobs of
/// those that are due to the pool.
///
/// Timers may be armed before start(); they fire after it. `arm` and `cancel` may be called from any thread, also from
/// `fire` itself.
class RestartScheduler {
 public:
  explicit RestartScheduler(RunnerPool& pool) noexcept : pool_(pool) {}
  RestartScheduler(const RestartScheduler&) = delete;
  RestartScheduler& operator=(const RestartScheduler&) = delete;

  /// Zero, or why there is no thread.
  int start(base::Thread::Options thread) noexcept;
  /// Ends the thread and joins it. What is pending stays pending.
  void stop() noexcept;

  void arm(Timer& timer, TimePoint due, std::uint32_t tag) noexcept;
  /// Cancels it first; what cancel() says.
  bool rearm(Timer& timer, TimePoint due, std::uint32_t tag) noexcept;
  bool cancel(Timer& timer) noexcept;
  std::size_t pending() const noexcept;

 private:
  void run() noexcept;
  void fire_due() noexcept;

  RunnerPool& pool_;
  mutable base::Mutex mutex_;
  TimerQueue queue_ ABSL_GUARDED_BY(mutex_);
  // Until when the thread sleeps; who arms something earlier changes alarm_ and wakes it.
  TimePoint sleeps_until_ ABSL_GUARDED_BY(mutex_) = TimePoint::min();
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  base::FutexWord alarm_{0};
  base::Thread thread_;
};

}  // namespace engin::runtime

#endif  // ENGIN_LIB_RUNTIME_RESTART_SCHEDULER_H_
