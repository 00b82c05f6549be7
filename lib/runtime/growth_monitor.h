// Watches for jobs that nobody comes for, and lets the pool grow.
#ifndef ENGIN_LIB_RUNTIME_GROWTH_MONITOR_H_
#define ENGIN_LIB_RUNTIME_GROWTH_MONITOR_H_

#include <cstddef>

#include "base/atomic.h"
#include "base/thread.h"
#include "runtime/control_runner.h"
#include "runtime/runner_pool.h"
#include "runtime/runtime.h"

namespace engin::runtime {

/// The thread that makes starvation impossible: while jobs are ready it looks at the runners a few times per
/// millisecond, and when all are captured, starts more. While none is ready it sleeps. It runs no job and no user code,
/// so nothing can hold it up; what may be held up, the delivery of events, has a thread of its own (ControlRunner).
class GrowthMonitor {
 public:
  GrowthMonitor(RunnerPool& pool, ControlRunner& control) noexcept : pool_(pool), control_(control) {}
  GrowthMonitor(const GrowthMonitor&) = delete;
  GrowthMonitor& operator=(const GrowthMonitor&) = delete;

  /// Zero, or why there is no thread.
  int start(Listener& listener, base::Thread::Options thread) noexcept;
  void stop() noexcept;

  /// As of the last look.
  bool starving() const noexcept { return starving_.load(std::memory_order_relaxed); }

 private:
  struct Seen {
    int captured = 0;
    int others = 0;      // runners that will come for a job
    bool moved = false;  // a runner has another job than last time
    bool jobs_to_give = false;
  };

  void run() noexcept;
  TimePoint look(TimePoint now) noexcept;
  Seen look_at_runners(TimePoint now) noexcept;
  void relieve(RunnerPool::Ready ready, const Seen& seen, TimePoint now) noexcept;
  void starve(RunnerPool::Ready ready, RunnerPool::Growth why, TimePoint now) noexcept;

  RunnerPool& pool_;
  ControlRunner& control_;
  Listener* listener_ = nullptr;
  base::Atomic<bool> stopping_{false};
  base::Atomic<bool> starving_{false};
  base::Thread thread_;

  // The monitor thread's own.
  Duration pace_{};             // between looks
  Duration starving_pace_{};    // the same, while it starves
  int quiet_looks_ = 0;         // since a job was ready
  bool said_starving_ = false;  // in this stretch
  Duration retry_delay_{};      // after the system refused a thread
  TimePoint retry_at_ = TimePoint::min();
};

}  // namespace engin::runtime

#endif  // ENGIN_LIB_RUNTIME_GROWTH_MONITOR_H_
