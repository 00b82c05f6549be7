// What happens in a supervisor, told to observers.
#ifndef ENGIN_EVENT_H_
#define ENGIN_EVENT_H_

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

#include "engin/detail/export.h"
#include "engin/detail/time.h"
#include "engin/failure.h"
#include "engin/snapshot.h"
#include "engin/task_state.h"

namespace engin {

enum class EventKind : std::uint8_t {
  Registered,        ///< a task was supervised
  AttemptStarted,    ///< an attempt began to run
  Ready,             ///< an attempt called this_task::ready()
  Failed,            ///< an attempt (or periodic call) failed: `failure`, `decision`, `delay`
  RestartScheduled,  ///< the next attempt comes after `delay`
  Completed,         ///< an attempt returned
  Stopped,           ///< an attempt, or a task without a live one, was stopped; `failure`: what it threw meanwhile
  GaveUp,            ///< the task reached its limit and stays down
  HookStarted,       ///< its shutdown hook began
  HookEnded,         ///< the hook is over: `hook`, `duration`, `detail`: what it threw
  HookTimedOut,      ///< the hook did not return in time
  StopRequested,     ///< stop was requested of the attempt: `reason`
  StopIgnored,       ///< an attempt awaited 1,000 times in a row after stop had been requested
  Unresponsive,      ///< no beat for `duration`
  Straggler,         ///< the attempt did not end in time: `duration` since stop was requested
  StragglerEnded,    ///< a straggler (or a hook that had timed out) ended after all
  RunnerAdded,       ///< the pool grew to `count` runners
  Starvation,        ///< `count` jobs wait and no runner can be had: `detail` says why and who holds them
  ShutdownBegan,     ///< `detail`: the cause
  ShutdownEnded,     ///< the report is made; `duration` from begin to end; `detail`: what was not clean, if anything
};

/// What follows a failure or a return.
enum class Decision : std::uint8_t {
  None,      ///< nothing follows: it was being stopped
  Finish,    ///< the task is done
  Restart,   ///< another attempt (periodic: call) after `delay`
  Ignore,    ///< recorded; the task stays down (periodic: the series goes on)
  Shutdown,  ///< the application shuts down
  GiveUp,    ///< limit reached: it stays down
  CoolDown,  ///< limit reached: it rests for `delay`
};

/// One happening. One struct with a kind, so that code that handles only the kinds it knows keeps compiling. Members
/// that the kind does not name are empty.
struct ENGIN_EXPORT Event {
  EventKind kind = EventKind::Registered;
  TimePoint time{};
  /// 0 for events of the supervisor as a whole.
  TaskId task = 0;
  std::string task_name = {};
  std::uint64_t attempt = 0;
  std::optional<Failure> failure = std::nullopt;
  Decision decision = Decision::None;
  Duration delay{};
  StopReason reason = StopReason::None;
  HookResult hook = HookResult::None;
  Duration duration{};
  std::uint64_t count = 0;
  std::string detail = {};
  /// The supervisor's name.
  std::string supervisor = {};
};

/// Called with every event, with no lock held. The events of one task come in order and one at a time, of different
/// tasks possibly at the same time: an observer synchronises its own data. An attempt's events come from its own runner
/// before its next attempt, all others from the control runner.
///
/// It may call anything of the supervisor that does not wait (request_shutdown, snapshot, supervise...). What it throws
/// is caught and counted, and it gets no more events; one line says so. One that blocks holds back that task's next
/// attempt, never a stop. After wait() returned a clean report it is not called any more.
class ENGIN_EXPORT Observer {
 public:
  Observer() = default;
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  virtual ~Observer();
  virtual void on_event(const Event& event) = 0;
};

ENGIN_EXPORT std::string_view to_string(EventKind) noexcept;
ENGIN_EXPORT std::string_view to_string(Decision) noexcept;
ENGIN_EXPORT std::ostream& operator<<(std::ostream&, EventKind);
ENGIN_EXPORT std::ostream& operator<<(std::ostream&, Decision);
/// One line for a person.
ENGIN_EXPORT std::ostream& operator<<(std::ostream&, const Event&);
/// One JSON object, without a line end; see docs/concepts/observing.md for its fields.
ENGIN_EXPORT std::string to_json(const Event&);

}  // namespace engin

#endif  // ENGIN_EVENT_H_
