// The thread for what belongs to no attempt: events that no attempt's runner can deliver, the beginning of shutdown.
#ifndef ENGIN_LIB_RUNTIME_CONTROL_RUNNER_H_
#define ENGIN_LIB_RUNTIME_CONTROL_RUNNER_H_

#include "base/atomic.h"
#include "base/thread.h"
#include "runtime/alarm.h"
#include "runtime/ready_queue.h"
#include "runtime/runner_pool.h"
#include "runtime/runtime.h"

namespace engin::runtime {

/// Runs the jobs of Lane::Control in order, one at a time. They may run user code (observers, callbacks on the
/// supervisor's stop token); one that blocks holds up this lane and nothing else, since the pool is watched by another
/// thread (GrowthMonitor) that runs no user code.
class ControlRunner {
 public:
  explicit ControlRunner(RunnerPool& pool) noexcept : pool_(pool) {}
  ControlRunner(const ControlRunner&) = delete;
  ControlRunner& operator=(const ControlRunner&) = delete;

  /// Starts the thread, which runs nothing before `open`. Zero, or why there is no thread.
  int start(base::Thread::Options thread) noexcept;
  void open() noexcept;
  /// The thread is to end after the job that runs.
  void end() noexcept;
  /// After end(): joins the thread if it ends by `deadline`, or else leaves it.
  void join_or_leave(TimePoint deadline) noexcept { thread_.join_or_leave(deadline); }

  void post(Job& job) noexcept;
  /// Runs the next job on the calling thread; false if there is none. Not while the thread exists.
  bool run_one() noexcept;
  /// No runner can be had for the stop jobs that wait: this thread runs them, in turn with its own.
  void help_with_stop_jobs() noexcept;

 private:
  void run() noexcept;

  RunnerPool& pool_;
  ReadyQueue jobs_;
  Alarm alarm_;
  base::Atomic<bool> open_{false};
  base::Atomic<bool> stopping_{false};
  base::Atomic<bool> helps_{false};
  base::Thread thread_;
};

}  // namespace engin::runtime

#endif  // ENGIN_LIB_RUNTIME_CONTROL_RUNNER_H_
