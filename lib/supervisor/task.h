// The record of one task: its callable, its state, its attempt, its stop.
//
// The way of a task through the files: core.cc takes it in, attempt.cc runs it (periodic.cc: call by call), stop.cc
// takes it down, commands.cc is what a handle asks, describe.cc what a snapshot shows.
#ifndef ENGIN_LIB_SUPERVISOR_TASK_H_
#define ENGIN_LIB_SUPERVISOR_TASK_H_

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "base/mutex.h"
#include "engin/detail/callable.h"
#include "engin/event.h"
#include "engin/every.h"
#include "engin/outcome.h"
#include "engin/shutdown_report.h"
#include "engin/snapshot.h"
#include "engin/task_options.h"
#include "engin/task_state.h"
#include "policy/restart_window.h"
#include "runtime/runtime.h"
#include "supervisor/failure_memory.h"
#include "supervisor/outbox.h"
#include "supervisor/state_machine.h"
#include "supervisor/strand.h"
#include "supervisor/task_end.h"

namespace engin::detail {

class Core;
class Posts;
class Section;

/// "file.cc:12"
std::string place_text(const std::source_location& where);

/// How far a task's shutdown hook is.
enum class HookStage : std::uint8_t {
  None,     ///< no stop has begun, or there is no hook
  Due,      ///< its stop has begun; its turn has not come (StopOrder::Reverse)
  Queued,   ///< waits for a runner
  Running,  ///< from its first instruction
  Over,     ///< returned, threw, timed out, or was never started: stop may be requested
};

/// How far the destruction is of what belongs to the user: callable, hook, predicate, exceptions.
enum class Disposal : std::uint8_t {
  None,    ///< the task may run (again)
  Due,     ///< when its hook, which timed out, runs no more
  Posted,  ///< the stop job does it
  Running,
  Over,
};

/// A task's hook and all that it takes to run it; made when the task is supervised, if it has one.
struct HookRun {
  HookRun(Task& task, Hook h);
  static HookRun& of(runtime::Job& expire_job) noexcept;

  Hook hook;
  Strand strand;
  runtime::Job expire_job;  // fires the hook's token
  // Guarded by the task's lock.
  std::stop_source source;
  std::stop_token token;
  bool executing = false;             // from the first instruction to the last, past a timeout too
  std::atomic<bool> expired = false;  // its token fires or has fired; read without the lock as well
  bool expiring = false;              // expire_job is under way
  TimePoint started{};
  TimePoint deadline = TimePoint::max();
  Duration duration{};
  std::string failure;  // what it threw or returned
};

/// A periodic task's schedule.
struct Series {
  PeriodicSpec spec;
  // Owned by whoever owns the strand.
  TimePoint base{};  // the phase: first due time of this attempt
  TimePoint call_began{};
  std::uint64_t index = 0;            // of the next scheduled call
  TimePoint scheduled{};              // when that is to be made
  TimePoint next{};                   // when the next call is to be made: then, or earlier after a failure
  std::atomic<bool> in_call = false;  // read by the heartbeat as well
  bool asked = false;                 // retry_if, about this call's failure
  bool refused = false;               // its answer
  bool at_limit = false;              // the limit allowed no call after this one
  // Guarded by the task's lock.
  bool call_now = false;  // restart(): whatever the schedule says
};

/// What a task with a heartbeat_timeout keeps of its beats.
struct Heartbeat {
  std::atomic<std::int64_t> last{0};
  // Guarded by the task's lock.
  TimePoint stalled_since = TimePoint::min();  // the last beat before the stall reported last
};

/// Reference counted; the registry, each handle's group, each queued job, live attempt and armed timer hold one. What
/// belongs to the user (callable, hook, predicate, exceptions) is destroyed before the last of them goes, on a runner.
class Task {
 public:
  Task(Core& core, BodyPtr body, std::unique_ptr<TaskOptions> options, const PeriodicSpec* periodic,
       std::source_location where);
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task();

  void ref() noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }
  void unref() noexcept;
  /// Brings the record near; any thread that holds its address valid.
  void prefetch() const noexcept;
  void add_handle() noexcept;
  void drop_handle() noexcept;
  bool has_handles() const noexcept { return handles_.load() != 0; }

  Core& core() const noexcept { return core_; }
  TaskId id() const noexcept { return id_; }
  std::string name() const;
  const TaskOptions& options() const noexcept { return *options_; }
  bool has_given_name() const noexcept { return owned_options_ && !owned_options_->name.empty(); }

  // --- commands.cc: what handles ask. Any thread.
  void settle_end() noexcept;
  /// False: it had ended. `ticket` is for stop_is_over().
  bool request_stop(std::uint32_t* ticket = nullptr) noexcept;
  /// The stop that was requested is over, although a restart() that came after it may have begun the next attempt.
  bool stop_is_over(std::uint32_t ticket) noexcept;
  /// The supervisor's own: at shutdown, when this task's turn has come. `limit`: this task's slice ends then.
  void shut_down(TimePoint now, TimePoint limit, Posts* together = nullptr) noexcept;
  RestartResult restart();
  bool remove();
  TaskState state() noexcept;
  /// Nothing while it has not ended.
  std::optional<Outcome> outcome();
  bool is_ready() noexcept;
  bool is_gone() noexcept;
  bool is_being_disposed_of() noexcept;
  /// Does what was posted to be done on a runner, if that has not begun: on a thread that must not go on before, while
  /// there are no runners.
  void dispose_here() noexcept;
  bool ended_or_straggling() noexcept;
  TaskSnapshot describe();
  void announce(Section& section) noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  /// For the report: adds to `stragglers` what of it still runs, and makes its entry if there is room for one.
  /// bad_alloc where a text finds no memory; `end` is there all the same.
  void look_at_end(TaskEnd& end, std::optional<ShutdownTask>& entry, std::vector<Straggler>& stragglers,
                   bool room_if_clean, bool room_if_not);
  bool runs_user_code() noexcept;

  // --- attempt.cc
  /// Hands the first attempt to the ready queue.
  void start(TimePoint now, Posts* together = nullptr) noexcept;
  static void run_body(runtime::Job& job) noexcept;
  static runtime::Job* strand_due(runtime::Timer& timer, std::uint32_t epoch) noexcept;
  /// this_task::ready() and beat() of the current attempt.
  void mark_ready();
  void beat() noexcept;

  // --- strand.cc: parking of this task's strands.
  /// Parks `strand` on `wait` (null: between the calls of a series) until `due` or until it is taken off; from then on
  /// it may run elsewhere. True: not parked, since stop was requested already, or the next call is wanted now.
  bool park(Strand& strand, Wait* wait, TimePoint due, std::uint32_t* epoch = nullptr) noexcept;
  bool park_locked(Strand& strand, Wait* wait, TimePoint due) noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  /// Claims the strand if it is still parked by that parking; the caller then owns it, and resumes it.
  bool take_off(Strand& strand, std::uint32_t epoch, Wait::Result result) noexcept;
  /// Stop was requested: ends the wait that it ends.
  void cut_short(Strand& strand) noexcept;
  /// The locked part of it. True: the caller resumes the strand.
  bool end_wait(Strand& strand) noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void count_cut_short(Strand& strand) noexcept;
  void resume_later(Strand& strand, runtime::Lane lane) noexcept;
  /// The same, called by a thread that nobody waits for: once posted, all may end and be destroyed meanwhile.
  void resume_from_outside(Strand& strand) noexcept;
  bool stop_reached(const Strand& strand) const noexcept;
  bool is_body(const Strand& strand) const noexcept { return &strand == &strand_; }
  const std::stop_token& token_of(const Strand& strand);
  /// Of the live attempt; for its strand's owner. Made when first asked for, unless the callable takes it. bad_alloc.
  const std::stop_token& token();

  // --- stop.cc
  static void run_hook(runtime::Job& job) noexcept;
  static const runtime::JobType plain_job, blocking_job, step_job, hook_job, expire_job, stop_job, outbox_job;
  static void expire_hook(runtime::Job& job) noexcept;
  static void run_stop_job(runtime::Job& job) noexcept;
  /// The deadline of everything came: what has not started is NotStarted, what has not ended is a straggler.
  void give_up_at_deadline() noexcept;

  StopReason current_stop_reason() noexcept;
  TimePoint current_stop_deadline(bool of_hook) noexcept;
  std::uint64_t attempt() noexcept;
  /// Delivers what the outbox holds, on the calling thread; see outbox.h.
  void deliver() noexcept;
  static void run_outbox(runtime::Job& job) noexcept;

  base::Mutex mutex;

 private:
  friend class Core;
  friend class Section;
  friend struct HookRun;

  void beat(TimePoint now) noexcept {
    heartbeat_->last.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  }
  // For the strand's owner, who alone changes these, under the lock.
  std::uint64_t attempt_here() const noexcept ABSL_NO_THREAD_SAFETY_ANALYSIS { return attempt_; }
  /// When the attempt began; of a periodic task, the call.
  TimePoint began_here() const noexcept ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return series_ ? series_->call_began : began_;
  }
  void move_to(TaskEvent event, TimePoint now, Section& section) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  using Fill = absl::FunctionRef<void(Event&)>;
  /// Puts an event into the outbox, if anybody observes.
  void note(Section& section, EventKind kind, TimePoint now, Fill fill) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    if (outbox_) [[unlikely]]
      put(section, kind, now, fill);
  }
  void put(Section& section, EventKind kind, TimePoint now, Fill fill) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void note(Section& section, EventKind kind, TimePoint now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    note(section, kind, now, [](Event&) {});
  }

  // strand.cc
  void set_timer(Strand& strand) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void set_limit(Strand& strand, TimePoint due) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void unpark(Strand& strand) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  bool wait_is_over(Strand& strand, Section& section) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

  // attempt.cc
  void run(bool resumed) noexcept;
  bool call(RawEnd& end) noexcept;
  void report_left_behind() const noexcept;
  static void fail_for_want_of_memory(RawEnd& end) noexcept;
  enum class Next : std::uint8_t { None, Again, Begun };
  bool begin_attempt(TimePoint now) noexcept;
  bool try_begin(TimePoint now, std::stop_source& fresh, std::unique_ptr<Failure>& old_attached, Section& section)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  Next end_attempt(RawEnd& end, TimePoint& now) noexcept;
  bool ask_retry_if(const RawEnd& end, const FailureText& text) noexcept;
  FailureMemory::Room failure_room() noexcept;
  bool stopped_as_unresponsive() noexcept;
  AttemptEnd classify_end(bool failed) const noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void count_failure(const FailureText& text, RawEnd& end, FailureMemory::Room& room, Section& section)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void attach(const FailureText& text, RawEnd& end) noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  bool after_attempt(AttemptEnd what, bool retry, TimePoint now, Section& section) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  bool at_limit(AttemptEnd what, bool refused, TimePoint now, Section& section) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  bool go_on_after(TaskEvent event, Duration delay, TimePoint now, Section& section)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void end_with(TaskEvent how, TimePoint now, Section& section) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void note_end(Section& section, AttemptEnd what, TimePoint now, Decision decision, Duration delay = {})
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  ShutdownCause make_cause(ShutdownCause::Kind kind, std::string_view reason) noexcept
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void count_late(Section& section) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void shut_all_down(ShutdownCause::Kind kind, Section& section, std::string_view reason = {})
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void schedule(TimePoint now, Section& section) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  bool make_ready(TimePoint now, Section& section) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  Duration next_delay(TimePoint now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  Standing standing() const noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  bool stop_begun() const noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

  // periodic.cc
  void begin_series(TimePoint now) noexcept;
  bool run_series(bool resumed, RawEnd& end) noexcept;
  bool await_call(TimePoint now) noexcept;
  bool begin_call(TimePoint now) noexcept;
  enum class AfterCall : std::uint8_t { Over, Parked, GoesOn };
  AfterCall end_call(RawEnd& end, TimePoint& now) noexcept;

  bool restart_allowed(TimePoint at) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void reset_delays() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  Duration call_jitter() const noexcept;
  std::uint64_t first_call_after(TimePoint now) const noexcept;
  void take_turn(TimePoint now) noexcept;
  void plan_next_call(TimePoint now) noexcept;

  // stop.cc
  static Task& of_stop_job(runtime::Job& job) noexcept;
  void begin_stop(StopReason reason, TimePoint now, Section& section, bool end_told = false)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void launch_hook(TimePoint now, Section& section) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void hook_over(RawEnd& end) noexcept;
  void hook_timed_out(TimePoint now, Section& section) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void go_on_stopping(TimePoint now, Section& section) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void request_stop_of_attempt(TimePoint now, Section& section) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void note_stop_request(TimePoint now, Section& section) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void post_stop_job(Section& section) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  bool stop_request_due() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void finish_stop(TimePoint now, Section& section) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  TimePoint stop_limit() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void body_overdue(TimePoint now, Section& section) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void hook_overdue(TimePoint now, Section& section) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void become_straggler(TimePoint now, Section& section) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void count_off() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void count_again() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void end_straggling(TimePoint now, Section& section) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void check_heartbeat(TimePoint now, Section& section) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

  // commands.cc
  void start_again(TimePoint now, Section& section) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void stop_as(StopReason reason, TimePoint now, Section& section) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void settle_end(Section& section) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void leave_registry(Section& section) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  bool hook_runs_on() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void hook_ran_out(Section& section) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void begin_disposal(Section& section) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  bool claim_disposal() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void dispose() noexcept;
  bool user_code_remains() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  bool user_code_executes() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void add_stragglers(std::vector<Straggler>& out) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  TaskCounts counts() const noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  /// What the report counts if nothing changes any more.
  TaskEnd end_now() const noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  /// True, once: it has ended for good, since shutdown has begun, and is to be counted.
  bool claim_count() noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  TaskState shown_state() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  /// Gives back a reference when the section has let go of the lock.
  static void unref_later(Section& section) noexcept;

  std::atomic<std::uint32_t> refs_{1};
  Core& core_;
  TaskId id_ = 0;  // given when it enters the registry
  BodyPtr body_;   // the owner of the strand's; after the end: the disposer's
  std::unique_ptr<TaskOptions> owned_options_;
  const TaskOptions* options_;
  std::source_location where_;
  std::unique_ptr<Series> series_;
  std::unique_ptr<HookRun> hook_;
  std::unique_ptr<Heartbeat> heartbeat_;
  std::unique_ptr<Outbox> outbox_;  // if anybody observes; its content is guarded by mutex

  Strand strand_;
  runtime::Job stop_job_;  // request of stop; later, disposal

  std::stop_source stop_source_ ABSL_GUARDED_BY(mutex){std::nostopstate};
  std::stop_token token_;  // of the live attempt, once it was asked for; the strand owner's

  std::atomic<std::uint32_t> handles_{0};
  const bool takes_token_;
  std::atomic<bool> stop_requested_{false};  // written under the lock
  TaskState state_ ABSL_GUARDED_BY(mutex) = TaskState::Registered;
  bool live_ ABSL_GUARDED_BY(mutex) = false;
  bool ready_ ABSL_GUARDED_BY(mutex) = false;
  bool queued_ ABSL_GUARDED_BY(mutex) = false;     // the job is in a queue, or held by its runner, to begin an attempt
  bool held_back_ ABSL_GUARDED_BY(mutex) = false;  // by an observer that has not returned
  bool ending_ ABSL_GUARDED_BY(mutex) = false;     // the last stop has begun
  bool restart_wanted_ ABSL_GUARDED_BY(mutex) = false;   // a new attempt when this one (or the stop) has ended
  bool restart_counted_ ABSL_GUARDED_BY(mutex) = false;  // the limit has counted the restart that is pending
  bool stop_job_posted_ ABSL_GUARDED_BY(mutex) = false;
  std::uint8_t in_stop_callbacks_ ABSL_GUARDED_BY(mutex) = 0;  // requests of stop that run callbacks right now
  bool tell_stopped_ ABSL_GUARDED_BY(mutex) = false;           // no attempt's event told that it stopped
  bool straggling_ ABSL_GUARDED_BY(mutex) = false;
  bool hook_of_straggler_ ABSL_GUARDED_BY(mutex) = false;  // shutdown waits for it, though not for the attempt
  bool counted_ ABSL_GUARDED_BY(mutex) = false;            // in the totals of the report
  bool gone_ ABSL_GUARDED_BY(mutex) = false;               // removed; in the registry until all of it is destroyed
  Disposal disposal_ ABSL_GUARDED_BY(mutex) = Disposal::None;
  HookStage hook_stage_ ABSL_GUARDED_BY(mutex) = HookStage::None;
  HookResult hook_result_ ABSL_GUARDED_BY(mutex) = HookResult::None;
  StopReason stop_reason_ ABSL_GUARDED_BY(mutex) = StopReason::None;
  TaskEvent end_event_ ABSL_GUARDED_BY(mutex) = TaskEvent::EndStopped;  // how it ends when its stop is over
  bool retry_refused_ ABSL_GUARDED_BY(mutex) = false;                   // at the latest limit
  bool outcome_fixed_ ABSL_GUARDED_BY(mutex) = false;  // retry_if is being asked about this attempt's failure
  std::uint32_t stops_over_ ABSL_GUARDED_BY(mutex) = 0;

  std::uint64_t attempt_ ABSL_GUARDED_BY(mutex) = 0;
  std::uint64_t completed_ ABSL_GUARDED_BY(mutex) = 0;
  std::uint64_t late_failures_ ABSL_GUARDED_BY(mutex) = 0;  // after shutdown began
  std::uint64_t streak_ ABSL_GUARDED_BY(mutex) = 0;         // restarts in a row, for the backoff
  TimePoint since_ ABSL_GUARDED_BY(mutex){};
  TimePoint began_ ABSL_GUARDED_BY(mutex){};  // the attempt
  TimePoint ready_at_ ABSL_GUARDED_BY(mutex){};
  TimePoint stop_asked_ ABSL_GUARDED_BY(mutex){};
  TimePoint stop_deadline_ ABSL_GUARDED_BY(mutex) = TimePoint::max();
  TimePoint limit_ ABSL_GUARDED_BY(mutex) = TimePoint::max();  // of its slice of the shutdown
  Duration queued_for_ ABSL_GUARDED_BY(mutex){};
  Duration stop_latency_ ABSL_GUARDED_BY(mutex){-1};
  std::unique_ptr<policy::RestartWindow> window_ ABSL_GUARDED_BY(mutex);  // if there is a limit
  FailureMemory failures_ ABSL_GUARDED_BY(mutex);
  std::unique_ptr<Failure> attached_ ABSL_GUARDED_BY(mutex);  // what a stopped attempt threw
};

/// What a walk over many tasks has to post: put together, and handed to the runtime now and then.
class Posts {
 public:
  explicit Posts(runtime::Runtime& runtime) noexcept : runtime_(runtime) {}
  Posts(const Posts&) = delete;
  Posts& operator=(const Posts&) = delete;
  ~Posts() { flush(); }

  void add(runtime::Job& job, runtime::Lane lane) noexcept {
    (lane == runtime::Lane::Ready ? ready_ : fresh_).push(job);
  }
  void flush() noexcept {
    runtime_.post(ready_, runtime::Lane::Ready);
    runtime_.post(fresh_, runtime::Lane::Fresh);
  }

 private:
  runtime::Runtime& runtime_;
  runtime::JobList ready_;
  runtime::JobList fresh_;
};

/// Holds a task's lock for one step of its state machine, and keeps what must not happen under it: jobs to post,
/// waiters to wake, events to hand to the control runner, things of the user's to destroy. Whoever has one holds a
/// reference of the task for longer, or has only parked a strand in it, after which it touches nothing of the task.
class ABSL_SCOPED_LOCKABLE Section {
 public:
  /// `together`: where jobs of Lane Ready and Fresh go instead of being posted one by one.
  explicit Section(Task& task, Posts* together = nullptr) ABSL_EXCLUSIVE_LOCK_FUNCTION(task.mutex)
      : task_(task), together_(together) {
    task.mutex.lock();
  }
  Section(const Section&) = delete;
  Section& operator=(const Section&) = delete;
  ~Section() ABSL_UNLOCK_FUNCTION();

  void post(runtime::Job& job, runtime::Lane lane) noexcept { posts_[count_++] = {&job, lane}; }
  void wake_waiters() noexcept { wake_ = true; }
  /// Those who wait for the supervisor: shutdown has begun.
  void wake_waiters_of_core() noexcept { wake_core_ = true; }
  /// The task has ended: what shutdown waits for has changed, and it may have to be removed.
  void ended() noexcept { ended_ = true; }
  /// It had ended before shutdown began.
  void had_ended() noexcept { had_ended_ = true; }
  void forget() noexcept { forget_ = true; }
  void dispose_here() noexcept { dispose_ = true; }
  void unref() noexcept { ++unrefs_; }
  /// The caller delivers the events itself, after this section.
  void deliver_here() noexcept { deliver_here_ = true; }

  // Destroyed before anybody hears that the task has ended.
  std::exception_ptr old_exception;
  std::exception_ptr unkept_exception;
  bool counted_late = false;  // the failure of this step

 private:
  struct Post {
    runtime::Job* job;
    runtime::Lane lane;
  };
  Task& task_;
  Posts* together_;
  Post posts_[6];
  int count_ = 0;
  int unrefs_ = 0;
  bool wake_ = false;
  bool wake_core_ = false;
  bool ended_ = false;
  bool had_ended_ = false;
  bool forget_ = false;
  bool dispose_ = false;
  bool deliver_here_ = false;
};

}  // namespace engin::detail

#endif  // ENGIN_LIB_SUPERVISOR_TASK_H_
