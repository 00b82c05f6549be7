// What was seen to happen in a run, one record after the other: the only thing that the invariants judge by.
#ifndef ENGIN_TEST_SIMULATION_RECORD_H_
#define ENGIN_TEST_SIMULATION_RECORD_H_

#include <engin/supervisor.h>

#include <cstdint>
#include <iosfwd>

namespace engin::simulation {

/// Where it was seen: an observer (Event), the callables themselves (Enter to Destroyed), those who call the supervisor
/// (the commands), or from outside after a step (Seen, ShutdownSeen, ...).
enum class What : std::uint8_t {
  Event,
  Enter,       // an attempt (periodic: a call) runs its first instruction
  Leave,       // and its last; `bad`: threw or returned a bad Status
  TokenFired,  // seen by a stop callback; `reason`
  TokenLost,   // a token that had fired reads as if it had not
  HookEnter,
  HookLeave,
  AskEnter,  // retry_if
  AskLeave,
  Destroyed,  // what a callable captured
  SuperviseBegin,
  SuperviseEnd,  // `value`: 0 accepted, 1 SupervisorStopping, 2 another refusal, 3 no memory; `bad`: stopping without a
                 // shutdown, or, for want of memory, the callable was kept
  StopBegin,     // stop() or request_stop(); `state` before
  StopEnd,  // `value`: the StopResult, -1 for request_stop(), -2 if refused; `state`, `due`: before, and when it was
            // called; `bad`: restart() was called meanwhile
  RestartBegin,  // `state` before
  RestartEnd,    // `value`: the RestartResult
  RemoveEnd,     // remove(), or a handle was dropped: `value`: done or not; `state` before
  WrongWait,     // a wait that could never end did not throw WouldDeadlock; `value`: the Action
  StrangeThrow,  // something threw what it must not throw; `value`: the Action
  ShutdownSeen,  // right after the step in which it began; `value`: the cause's kind; `task`: whose failure
  Baseline,      // with it, for each task: `state`, `started`
  Seen,          // now and then, for each task: `state`, `started`, `due`
  ReportSeen,    // a wait returned it; `bad`: not clean; `value`, `task`: the cause; `delay`: its duration; `due`: when
                 // that wait began
  Hung,          // before it: a straggler that it names; `value`: 1 if it is a hook
  NotStarted,    // before it: a hook that it reports as NotStarted
  EventLost,     // no memory for the event of its registration
  ClockJumped,   // by `delay`
  Released,      // calm begins
  Gone,          // the destructor has returned
  Choice,        // for the trace: `value` of `started`
};

struct Record {
  What what = What::Event;
  int task = -1;  // number of its plan
  TimePoint time{};
  std::uint64_t attempt = 0;
  EventKind kind = EventKind::Registered;
  Decision decision = Decision::None;
  Duration delay{};
  TimePoint due{};
  StopReason reason = StopReason::None;
  HookResult hook = HookResult::None;
  TaskState state = TaskState::Registered;
  bool bad = false;  // of an event: carries a failure
  int value = 0;
  std::uint64_t started = 0;
  std::uint64_t step = 0;
};

/// What is left when all is over.
struct Final {
  struct Task {
    bool supervised = false;
    std::uint64_t started = 0, failed = 0, restarted = 0;
    TaskState state = TaskState::Registered;
    bool known = false;                 // the figures above are there: it was still in the registry
    bool ended_without_handle = false;  // and yet there, before shutdown began
  };
  std::vector<Task> tasks;
  bool has_totals = false;  // the totals are from after everything came to rest
  std::uint64_t total_started = 0, total_failed = 0, total_restarted = 0;
  std::uint64_t undelivered = 0;
  std::size_t pending_timers = 0;
  std::size_t ready_jobs = 0;
  std::int64_t live_objects = 0;
  std::int64_t live_frames = 0;
  bool supervisor_kept = false;  // its record, though it is destroyed, all has ended and nobody has a handle
  bool stuck = false;            // it did not come to rest
  bool complete_log = false;     // a recorder saw all events
};

std::string_view to_string(What what) noexcept;
std::ostream& operator<<(std::ostream&, const Record&);

}  // namespace engin::simulation

#endif  // ENGIN_TEST_SIMULATION_RECORD_H_
