// What is behind a Supervisor: the registry of its tasks, its shutdown, its observers.
//
// core.cc: registry, start, waiting. shutdown.cc: the stop protocol across tasks and the report.
#ifndef ENGIN_LIB_SUPERVISOR_CORE_H_
#define ENGIN_LIB_SUPERVISOR_CORE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/functional/function_ref.h"
#include "base/mutex.h"
#include "engin/supervisor.h"
#include "runtime/runtime.h"
#include "supervisor/outbox.h"
#include "supervisor/task_end.h"

namespace engin::detail {

class FailureMemory;
class Task;
struct JobContext;

/// Reference counted: the Supervisor holds one, each task one, each posted job and armed timer of the core one. So a
/// handle, or a straggler that was left behind, finds it alive.
///
/// Locks: a task's lock comes before `mutex_`; nothing of a task is touched while holding `mutex_`.
class Core final : private runtime::Listener {
 public:
  explicit Core(SupervisorOptions options);
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  void ref() noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }
  void unref() noexcept;

  // --- What a Supervisor asks.
  TaskHandle adopt(BodyPtr body, TaskOptions* options, const PeriodicSpec* periodic, std::source_location where);
  void start();
  /// May be called under a task's lock: touches no task.
  /// False: it had begun before.
  bool begin_shutdown(ShutdownCause cause) noexcept;
  const ShutdownReport* wait(Duration d);
  const ShutdownReport& shutdown();
  bool wait_all();
  std::stop_token stop_token() const noexcept { return stop_source_.get_token(); }
  std::optional<ShutdownCause> shutdown_cause() const;
  SupervisorSnapshot snapshot();
  void for_each_task(const std::function<void(const TaskHandle&)>& f);
  std::optional<TaskHandle> find(std::string_view name);
  std::string unfinished();
  /// The Supervisor goes: shuts down, and settles what becomes of stragglers.
  void close();

  // --- What its tasks ask.
  runtime::Runtime& runtime() const noexcept { return *runtime_; }
  const SupervisorOptions& options() const noexcept { return options_; }
  bool shutting_down() const noexcept { return phase_.load() != Phase::Open; }
  /// start() was called.
  bool is_started() const noexcept;
  /// There are runners: from its start on, or, if it was never started, while it shuts down.
  bool has_threads() const noexcept;
  /// The report is there.
  bool ended() const noexcept { return phase_.load() == Phase::Ended; }
  TimePoint deadline() const noexcept { return TimePoint(Duration(deadline_.load())); }
  bool observed() const noexcept { return !observers_.empty(); }
  /// The supervisor is gone; nobody hears of what a straggler that was left behind still does.
  bool muted() const noexcept { return muted_.load(); }
  /// Calls the observers; on the calling thread, with no lock held.
  void deliver(const Event& event) noexcept;
  void count_undelivered(std::uint64_t n) noexcept { undelivered_.fetch_add(n); }
  void event_queued() noexcept { pending_events_.fetch_add(1); }
  void events_delivered(std::uint64_t n) noexcept;
  /// 64 bits that depend on the seed, the task and `n` alone.
  std::uint64_t random(TaskId task, std::uint64_t n) const noexcept;
  /// `end`: to be counted for the report.
  void task_ended(Task& task, const TaskEnd* end) noexcept;
  void had_ended(const TaskEnd& end) noexcept;
  void task_started_again() noexcept;
  void task_straggles(Task& task, int change) noexcept;
  void cleanup_begins() noexcept;
  void cleanup_ends() noexcept;
  void tell_destructor() noexcept;
  void add_late_failure(const FailureMemory& failures) noexcept;
  /// Tasks for a loop without the lock: the next ones after `after` (before, if `backwards`), each with a reference.
  std::size_t next_tasks(TaskId after, bool backwards, Task** out, std::size_t max) noexcept;
  void forget(Task& task) noexcept;
  /// Removed, but still in the registry: its name may be given to another one, and its counts are final. Under its
  /// lock.
  void leave(Task& task, const TaskCounts& counts) noexcept;

  /// Throws WouldDeadlock if the calling thread is in a job of this core; `what` for its text.
  void check_may_wait(std::string_view what) const;
  /// Throws ForkedChild in a forked child.
  void check_process() const;
  /// In a forked child, where a lock may be held for ever by a thread that is in the parent.
  bool process_is_forked() const noexcept;

 private:
  enum class Phase : std::uint8_t { Open, Stopping, Ended };
  struct CoreJob : runtime::Job {
    CoreJob(Core& c, const runtime::JobType& t) noexcept : Job(t), core(c) {}
    Core& core;
  };
  struct CoreTimer : runtime::Timer {
    CoreTimer(Core& c, Fire f) noexcept : Timer(f), core(c) {}
    Core& core;
  };
  template <void (Core::*Method)() noexcept>
  static const runtime::JobType& job_type() noexcept;
  template <void (Core::*Method)() noexcept>
  static runtime::Job* fire(runtime::Timer& timer, std::uint32_t tag) noexcept;

  ~Core();

  void runner_added(int runners) noexcept override;
  void starving(std::size_t ready, bool refused) noexcept override;

  void post(CoreJob& job, runtime::Lane lane) noexcept;
  void arm(CoreTimer& timer, TimePoint due) noexcept;
  void cancel(CoreTimer& timer) noexcept;
  void note(EventKind kind, absl::FunctionRef<void(Event&)> fill) noexcept;
  void run_deliver_job() noexcept;
  void deliver_own() noexcept;
  void erase_name(Task& task) noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string holders();
  void name_the_starving(SupervisorSnapshot& out);
  bool bring_up_for_shutdown() noexcept;

  // shutdown.cc
  void enter_on_threads() noexcept;
  void enter_shutdown() noexcept;  // control runner: tell, fire the token, launch
  void grace_over() noexcept;      // timer: the token's callbacks or an observer take too long
  void launch_stops() noexcept;    // any runner
  void stop_next() noexcept;       // any runner: StopOrder::Reverse
  void count_change(Task* settled, int active, int straggling, const TaskEnd* end = nullptr) noexcept;
  bool claim_end() noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void check_settled() noexcept;
  void deadline_due() noexcept;  // timer
  bool force_report() noexcept;
  void end_at_deadline() noexcept;  // a runner
  void force_end() noexcept;        // a thread that waits
  void end_shutdown() noexcept;     // control runner
  void note_end() noexcept;
  void publish_unobserved() noexcept;
  void publish() noexcept;
  void build_report() noexcept;
  void add_observer_straggler() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void wait_for_stragglers();
  void forget_all() noexcept;
  void release_options() noexcept;
  bool user_code_runs() noexcept;

  std::atomic<std::uint32_t> refs_{1};
  SupervisorOptions options_;
  std::uint64_t seed_;
  std::shared_ptr<runtime::Runtime> runtime_;
  int process_;  // generation of the process that made it
  std::vector<std::shared_ptr<Observer>> observers_;
  std::unique_ptr<std::atomic<bool>[]> dropped_;
  std::atomic<bool> muted_{false};
  std::atomic<std::uint64_t> undelivered_{0};
  std::atomic<std::uint64_t> pending_events_{0};  // in outboxes, or being delivered
  std::atomic<int> observers_running_{0};
  std::stop_source stop_source_;

  std::atomic<Phase> phase_{Phase::Open};
  std::atomic<std::int64_t> deadline_{TimePoint::max().time_since_epoch().count()};
  std::atomic<bool> entered_{false};
  std::atomic<bool> launched_{false};
  std::atomic<bool> firing_token_{false};

  mutable base::Mutex mutex_;
  absl::btree_map<TaskId, Task*> tasks_ ABSL_GUARDED_BY(mutex_);
  // Not a flat hash map: Abseil's does not survive running out of memory. The names are the tasks' own.
  std::unordered_map<std::string_view, Task*> names_ ABSL_GUARDED_BY(mutex_);
  TaskId last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  enum class Threads : std::uint8_t { None, Starting, Up, Refused };
  Threads threads_ ABSL_GUARDED_BY(mutex_) = Threads::None;
  std::uint64_t active_ ABSL_GUARDED_BY(mutex_) = 0;       // tasks that have not ended
  std::uint64_t times_quiet_ ABSL_GUARDED_BY(mutex_) = 0;  // that active_ came to zero before shutdown began
  std::uint64_t straggling_ ABSL_GUARDED_BY(mutex_) = 0;   // of them
  // Jobs that destroy what is the user's, or fire the token of an overdue hook.
  std::uint64_t cleanups_ ABSL_GUARDED_BY(mutex_) = 0;
  bool all_launched_ ABSL_GUARDED_BY(mutex_) = false;
  bool end_posted_ ABSL_GUARDED_BY(mutex_) = false;
  enum class ReportStage : std::uint8_t { None, Building, Built, Published };
  ReportStage report_stage_ ABSL_GUARDED_BY(mutex_) = ReportStage::None;
  TaskId reverse_before_ ABSL_GUARDED_BY(mutex_) = 0;  // the next one to stop has a smaller id
  TaskId reverse_current_ ABSL_GUARDED_BY(mutex_) = 0;
  TimePoint began_ ABSL_GUARDED_BY(mutex_){};
  ShutdownCause cause_ ABSL_GUARDED_BY(mutex_);
  std::vector<Failure> late_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t late_count_ ABSL_GUARDED_BY(mutex_) = 0;
  TaskCounts removed_ ABSL_GUARDED_BY(mutex_);    // of tasks that are not in the registry any more, or are gone
  EndTotals end_totals_ ABSL_GUARDED_BY(mutex_);  // of those that have ended since, or before, shutdown began
  std::unique_ptr<Outbox> outbox_;
  ShutdownReport report_;  // written once, before phase_ becomes Ended

  CoreJob enter_job_;
  CoreJob launch_job_;
  CoreJob next_job_;
  CoreJob force_job_;
  CoreJob end_job_;
  CoreJob deliver_job_;
  bool deliver_posted_ ABSL_GUARDED_BY(mutex_) = false;
  CoreTimer grace_timer_;
  CoreTimer deadline_timer_;
};

}  // namespace engin::detail

#endif  // ENGIN_LIB_SUPERVISOR_CORE_H_
