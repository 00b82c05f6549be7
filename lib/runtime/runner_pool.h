// The runners and the queues that they take jobs from.
#ifndef ENGIN_LIB_RUNTIME_RUNNER_POOL_H_
#define ENGIN_LIB_RUNTIME_RUNNER_POOL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "base/atomic.h"
#include "base/mutex.h"
#include "base/shared_mutex.h"
#include "base/thread.h"
#include "runtime/alarm.h"
#include "runtime/deadlines.h"
#include "runtime/ready_queue.h"
#include "runtime/runner.h"
#include "runtime/runtime.h"
#include "runtime/thread_state.h"

namespace engin::runtime {

/// Runs jobs on threads of its own: as many as `runners` while no job blocks, more (GrowthMonitor) while jobs are ready
/// and all runners are captured.
///
/// Queues. What a runner's own job posts as Ready goes to that runner's local queue; all else to one of three shared
/// ones. A runner takes stop jobs first, then turn by turn from its own queue and the shared Ready queue, then fires
/// the timers that are due (Deadlines), then takes from Fresh, and when it finds nothing, half of what another one has.
/// Every so often timers and Fresh come first, so that they cannot starve.
///
/// No wake-up is lost. A runner that runs out of work *searches* (it is counted in `searching_`) and then *parks*
/// (`parked_`). The monitor is *asleep* when there is no work at all.
///
/// Shared queues: whoever puts a job in reads these three before it lets go of the queue's mutex, and
///   (1) if somebody searches, leaves the job to it;
///   (2) else, if somebody is parked, wakes it, and it searches;
///   (3) else, if the monitor is asleep, wakes it.
/// Whoever parks, and the monitor before it sleeps, publishes that first and then looks into the queue under its mutex.
/// The mutex orders the two: either the look comes after the push, and finds the job; or the push comes after the look,
/// and reads what was published before it. In the same way, the last one to stop searching, because it found a job,
/// looks into the queues afterwards and does (2) or (3) for what it finds: so (1) leaves the job to somebody who will
/// either run it, or wake another one. Hence, while a job is ready, a runner searches or the monitor watches.
///
/// Local queues have no mutex that their owner takes. Whoever puts a job in wakes the monitor if it is asleep; a fence
/// on both sides (AsymmetricFence) makes sure that either it sees the monitor asleep, or the monitor sees the job
/// before it sleeps. So while a job is in a local queue, the monitor watches, wakes a parked runner for it, and if the
/// owner is captured gives it to all. That is the guarantee; in most cases the owner wakes somebody itself.
///
/// It does not for the first job that a short job posts: its runner is about to return, and nobody else takes that job.
/// This costs no wake-up, and keeps a pair of coroutines that wake each other on one processor.
class RunnerPool {
 public:
  struct Options {
    std::string name;
    int runners = 1;
    int max_runners = 1024;
    std::size_t stack_size = std::size_t{1} << 20;
  };
  enum class Growth : std::uint8_t {
    Started,
    Unneeded,  // somebody is free, or starting
    Full,      // max_runners
    Refused,   // the system gave no thread
  };
  struct Ready {
    std::size_t stop = 0;
    std::size_t all = 0;
  };

  RunnerPool(Options options, Deadlines& deadlines);
  RunnerPool(const RunnerPool&) = delete;
  RunnerPool& operator=(const RunnerPool&) = delete;
  ~RunnerPool();

  /// Starts the runners. Zero; or if the system does not even give one thread, why. `keep_alive` owns this pool; each
  /// runner holds a copy.
  int start(Listener& listener, std::shared_ptr<const void> keep_alive);
  /// Ends all runners, and joins those that return by `deadline`. The others are left, with `keep_alive`.
  void stop(TimePoint deadline) noexcept;

  /// Lanes Stop, Ready and Fresh.
  void post(Job& job, Lane lane) noexcept;
  /// All of `jobs`, into the shared queue of Lane Ready or Fresh, with one wake-up.
  void post(JobList& jobs, Lane lane) noexcept;
  /// Runs the next job on the calling thread; false if there is none. Not while there are runners.
  bool run_one() noexcept;
  /// The pool's runner that the calling thread is, or null.
  Runner* here() const noexcept;
  /// The same, if it takes jobs of all kinds.
  Runner* core_here() const noexcept;
  bool others_ready() const noexcept;

  // --- For the growth monitor. ---

  /// What calls the monitor.
  Alarm& alarm() noexcept { return alarm_; }
  void for_each_runner(absl::FunctionRef<void(Runner&)> f) const;
  Ready ready() const noexcept;
  /// Whether anything is in a queue. Exact, if the alarm was set asleep before.
  bool any_ready() const noexcept;
  /// Somebody parks, searches or is starting.
  bool someone_free() const noexcept;
  /// Wakes a runner if some are parked and none searches.
  void wake_if_all_idle() noexcept;
  /// Gives the jobs in the runner's own queue to all.
  void share_jobs_of(Runner& runner) noexcept;
  /// Adds up to `wave` runners: one now, whose first act is to start the next two, and so on, while jobs are ready.
  Growth grow(std::size_t wave) noexcept;
  /// Adds up to `wave` runners beyond max_runners that run stop jobs only.
  Growth grow_for_stop_jobs(std::size_t wave) noexcept;
  Job* take_stop_job() noexcept { return stop_jobs_.pop(); }

  /// What the job on the calling runner has changed about its thread.
  std::string left_behind() const { return thread_state_.differences(); }
  int captured() const noexcept;
  /// Runners of jobs of all kinds that a stop job holds.
  int held_by_stop_jobs() const noexcept;
  int runners() const noexcept { return runners_.load(std::memory_order_relaxed); }
  int max_runners() const noexcept { return options_.max_runners; }

 private:
  enum class Woken : std::uint8_t { ToSearch, ToEnd };
  // What a poster reads under the mutex of the queue that it put a job into.
  struct Others {
    bool search = false;
    bool parked = false;
    bool monitor_asleep = false;
  };

  void post_to_all(Job& job, Lane lane) noexcept;
  Others look_at_others() const noexcept;
  void tell(Others others) noexcept;
  void tell_of_local_jobs(bool only_one_for_myself) noexcept;
  bool wake_one() noexcept;

  static void run(void* runner) noexcept;
  void run_jobs(Runner& runner) noexcept;
  void run_stop_jobs(Runner& runner) noexcept;
  void run_job(Runner& runner, Job& job) noexcept;
  Job* try_next(Runner& runner) noexcept;
  Job* take_due(Runner& runner) noexcept;
  Job* steal(Runner& thief) noexcept;
  Job* search(Runner& runner) noexcept;
  Job* spin(Runner& runner) noexcept;
  void end_search() noexcept;
  bool look_for_work() const noexcept;
  bool shared_jobs_exactly() const noexcept;
  Woken park(Runner& runner) noexcept;
  Woken sleep(Runner& runner, TimePoint due) noexcept;
  bool unpark(Runner& runner) noexcept;
  bool retires(Runner& runner) noexcept;
  Runner* runner_at(std::size_t index) const noexcept;

  int add_runner() noexcept;
  int start_runner(Runner::Kind kind) noexcept;  // under starts_
  Runner* take_place(Runner::Kind kind) noexcept;
  void give_place_back(Runner& runner) noexcept;
  void leave(Runner& runner) noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void continue_wave() noexcept;
  void retire(Runner& runner) noexcept;

  const Options options_;
  Deadlines& deadlines_;
  // Held shared by who starts a thread, and tells of it. stop() takes it, so that it finds each thread either not begun
  // or fully there, and the listener may go afterwards.
  base::SharedMutex starts_;
  Listener* listener_ = nullptr;
  std::weak_ptr<const void> keep_alive_;
  ThreadState thread_state_{};

  ReadyQueue stop_jobs_;
  ReadyQueue ready_jobs_;
  ReadyQueue fresh_jobs_;

  alignas(64) base::Atomic<int> searching_{0};
  base::Atomic<int> parked_{0};
  base::Atomic<bool> stopping_{true};  // not started yet, or stop() was called
  Alarm alarm_;

  // Order of locks: a queue's mutex and this one are never held together.
  alignas(64) mutable base::Mutex mutex_;
  std::vector<Runner*> parked_runners_
      ABSL_GUARDED_BY(mutex_);  // the latest is woken first, so that the others may retire
  // Ended, not yet joined: the next one to retire joins it.
  Runner* retired_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::size_t wave_ ABSL_GUARDED_BY(mutex_) = 0;  // how many runners are still to be started

  base::Atomic<int> starting_{0};
  base::Atomic<int> runners_{0};
  base::Atomic<int> stop_runners_{0};
  // The places in use are among the first `places_used_`. Changed under the mutex; read without it.
  const std::size_t capacity_;
  std::unique_ptr<base::Atomic<Runner*>[]> places_;
  base::Atomic<std::size_t> places_used_{0};
};

}  // namespace engin::runtime

#endif  // ENGIN_LIB_RUNTIME_RUNNER_POOL_H_
