// The thread that sees to it that timers fire in time, whatever the runners do.
#ifndef ENGIN_LIB_RUNTIME_RESTART_SCHEDULER_H_
#define ENGIN_LIB_RUNTIME_RESTART_SCHEDULER_H_

#include "base/thread.h"
#include "runtime/deadlines.h"
#include "runtime/runner_pool.h"

namespace engin::runtime {

/// Watches the deadlines on a thread of its own, which runs no user code and sleeps while nothing is due; fires what no
/// runner fires in time, and hands the jobs to the pool.
class RestartScheduler {
 public:
  RestartScheduler(Deadlines& deadlines, RunnerPool& pool) noexcept : deadlines_(deadlines), pool_(pool) {}
  RestartScheduler(const RestartScheduler&) = delete;
  RestartScheduler& operator=(const RestartScheduler&) = delete;

  /// Zero, or why there is no thread.
  int start(base::Thread::Options thread) noexcept;
  /// Ends the thread and joins it. See Deadlines::stop for what runners do.
  void stop() noexcept;

 private:
  void run() noexcept;

  Deadlines& deadlines_;
  RunnerPool& pool_;
  base::Thread thread_;
};

}  // namespace engin::runtime

#endif  // ENGIN_LIB_RUNTIME_RESTART_SCHEDULER_H_
