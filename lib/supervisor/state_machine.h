// The life of a task as data: which state follows which, what a command does in each state, what follows an attempt.
// Pure: no task, no lock, no clock. The code that moves tasks asks these tables and nothing else.
#ifndef ENGIN_LIB_SUPERVISOR_STATE_MACHINE_H_
#define ENGIN_LIB_SUPERVISOR_STATE_MACHINE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "engin/event.h"
#include "engin/outcome.h"
#include "engin/task_options.h"
#include "engin/task_state.h"

namespace engin::detail {

/// What can happen to a task.
enum class TaskEvent : std::uint8_t {
  Post,          ///< an attempt is handed to the ready queue
  Begin,         ///< a runner begins it
  Delay,         ///< the next attempt waits for its backoff
  Rest,          ///< the next attempt waits for its cool-down
  BeginStop,     ///< a stop begins: the last one, or one before a restart
  Overdue,       ///< its stop timeout has passed
  EndCompleted,  ///< it is over
  EndFailed,
  EndGaveUp,
  EndStopped,
};
inline constexpr std::size_t TaskStateCount = 12;
inline constexpr std::size_t TaskEventCount = 10;

std::string_view to_string(TaskEvent) noexcept;

/// The state that follows, or nothing if that event cannot happen in that state. Waiting is Running without a thread:
/// it is never stored, and has no row of its own.
std::optional<TaskState> next_state(TaskState state, TaskEvent event) noexcept;

/// How an attempt ended, as far as it matters for what follows.
enum class AttemptEnd : std::uint8_t {
  Returned,  ///< without failure, unasked
  Failed,    ///< threw, returned a bad Status, or was unresponsive
  Stopped,   ///< after we began to stop it
};
/// What is in force when it ends.
enum class Standing : std::uint8_t {
  Normal,      ///< nothing: the options decide
  Restarting,  ///< restart() was called
  Ending,      ///< its last stop has begun, or shutdown has
};

/// What the task does next. `decision` is what the event tells.
enum class Follow : std::uint8_t {
  Complete,        ///< ends Completed
  Fail,            ///< ends Failed
  Stop,            ///< ends Stopped
  RestartNow,      ///< next attempt at once, delays reset
  RestartReturn,   ///< next attempt after at least `initial`
  Retry,           ///< next attempt after the backoff, if retry_if and the limit allow it
  CompleteAndEnd,  ///< ends Completed, and the application shuts down
  FailAndEnd,      ///< ends Failed, and the application shuts down
};
Follow follow(AttemptEnd end, Standing standing, OnException on_exception, OnReturn on_return) noexcept;

/// The attempt's outcome from what the boundary saw and how far its stop had come.
struct EndFacts {
  bool failed;                ///< threw or returned a bad Status
  bool stop_begun;            ///< its hook had started, or stop was requested
  bool stopped_unresponsive;  ///< that stop request was for want of a heartbeat
};
AttemptEnd classify(EndFacts facts) noexcept;

/// The commands of a TaskHandle.
enum class Command : std::uint8_t { Stop, Restart, Remove };
enum class Reaction : std::uint8_t {
  Nothing,       ///< as it should be already
  EndNow,        ///< ends Stopped without a hook
  StopIdle,      ///< no attempt is live: hook, then it ends Stopped
  StopLive,      ///< hook, stop, await
  JoinStop,      ///< a stop is under way already
  AlreadyEnded,  ///< there is nothing to stop
  StartNow,      ///< the attempt that waits is due now
  RestartLive,   ///< stop the attempt, then a new one
  RestartLater,  ///< when the stop that is under way has ended
  StartAgain,    ///< of an ended task
  Forget,        ///< remove it
  Refuse,
};
/// `closed`: shutdown began, or the task was removed; nothing to a stop, which is always asked with false.
Reaction react(Command command, TaskState state, bool closed) noexcept;

}  // namespace engin::detail

#endif  // ENGIN_LIB_SUPERVISOR_STATE_MACHINE_H_
