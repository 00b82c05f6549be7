// The timers of a runtime, and who wakes up for the next one.
#ifndef ENGIN_LIB_RUNTIME_DEADLINES_H_
#define ENGIN_LIB_RUNTIME_DEADLINES_H_

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "base/atomic.h"
#include "base/futex.h"
#include "base/mutex.h"
#include "runtime/job_list.h"
#include "runtime/runtime.h"
#include "runtime/timer_queue.h"

namespace engin::runtime {

class Runner;

/// Pending timers, which any runner fires that looks for a job; and the agreement on who sleeps until the next one is
/// due, if all runners have nothing to do.
///
/// That is the *keeper*: the runner that fired last, or armed what is due next, or was the first to park while there
/// was none. It parks until the next deadline, and so a job that is due waits for one wake-up, not two. It may be busy
/// instead: so the restart scheduler, a thread that runs no job, wakes up `kPatience` after each deadline. Finds it
/// that what is due still waits, and that nobody looked in that time, it takes over: it fires what is due, at each
/// deadline to the nanosecond, until a runner keeps time again. It does the same for what a thread armed that is no
/// runner.
///
/// Who arms what is due next never wakes a parked keeper: it becomes the keeper itself, or the scheduler does. So,
/// while a timer is pending that is due at T,
///   - either there is a keeper, and it is awake or sleeps until T at most, and the scheduler until T + kPatience at
///     most, or kTrust after the last look;
///   - or there is none, and the scheduler sleeps until T at most.
class Deadlines {
 public:
  /// So late is a timer at most whose keeper is held up, plus the time to wake a thread or two.
  static constexpr Duration kPatience = std::chrono::microseconds(100);
  /// The same for timers that follow closely on one another: so long after a look nobody asks whether there was another
  /// one. Else the scheduler would take a processor from the runner every 100 us, for as long as it takes to be woken.
  static constexpr Duration kTrust = std::chrono::microseconds(500);

  Deadlines() = default;
  Deadlines(const Deadlines&) = delete;
  Deadlines& operator=(const Deadlines&) = delete;

  // --- Any thread, also from `fire`. `here`: the runner that the calling thread is, if it takes jobs of
  // all kinds; else null. ---

  /// Cancels it first; what cancel() says.
  bool rearm(Timer& timer, TimePoint due, std::uint32_t tag, const Runner* here) noexcept;
  bool cancel(Timer& timer) noexcept;
  std::size_t pending() const noexcept;

  // --- Runners. ---

  /// Without the lock, and without a clock if nothing is pending: max.
  TimePoint next() const noexcept { return TimePoint(Duration(next_.load(std::memory_order_relaxed))); }
  /// Fires some of what is due, in order, and returns their jobs. `by` is the keeper from now on.
  JobList fire_due(TimePoint now, const Runner* by) noexcept;
  /// Until when `runner` may sleep: it parks.
  TimePoint park_until(const Runner& runner) noexcept;
  /// It ends.
  void resign(const Runner& runner) noexcept;

  // --- The restart scheduler's thread. ---

  struct Watch {
    bool stopping = false;
    bool due = false;  // now, and nobody else looks after it
    TimePoint until{};
    std::uint32_t alarm = 0;
  };
  Watch watch(TimePoint now) noexcept;
  void sleep(const Watch& watch) noexcept;

  void start() noexcept;
  /// Nothing fires any more when this returns: no batch is begun, and who is in one, which runs no user code, is waited
  /// for. What is pending stays pending.
  void stop() noexcept;

 private:
  static constexpr std::uint32_t kAwaited = std::uint32_t{1} << 31;  // in firing_: stop() waits for the last one

  void publish_next() noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  /// Until when the scheduler's thread may sleep.
  TimePoint latest_watch() const noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  /// True: it sleeps for longer, and the caller wakes it, without the lock.
  bool hasten_watch() noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable base::Mutex mutex_;
  TimerQueue queue_ ABSL_GUARDED_BY(mutex_);
  const Runner* keeper_ ABSL_GUARDED_BY(mutex_) = nullptr;
  TimePoint looked_at_ ABSL_GUARDED_BY(mutex_) = TimePoint::min();
  // Until when the scheduler's thread sleeps; who needs it earlier changes alarm_ and wakes it.
  TimePoint watch_until_ ABSL_GUARDED_BY(mutex_) = TimePoint::min();
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // How many fire a batch; raised under the mutex, so not once it is stopping.
  base::FutexWord firing_{0};
  base::FutexWord alarm_{0};
  // When to look again: never later than the next deadline, and nobody who keeps time sleeps for longer. Written under
  // the mutex.
  alignas(64) base::Atomic<Duration::rep> next_{TimePoint::max().time_since_epoch().count()};
};

}  // namespace engin::runtime

#endif  // ENGIN_LIB_RUNTIME_DEADLINES_H_
