// The states of a task, and the words for why and how it ends.
#ifndef ENGIN_TASK_STATE_H_
#define ENGIN_TASK_STATE_H_

#include <cstdint>
#include <iosfwd>
#include <string_view>

#include "engin/detail/export.h"

namespace engin {

enum class TaskState : std::uint8_t {
  Registered,   ///< supervised before start(): never started
  Queued,       ///< an attempt waits for a runner
  Running,      ///< an attempt occupies a thread
  Waiting,      ///< an attempt is live and holds no thread: a coroutine in an await, a periodic task between calls
  Backoff,      ///< no attempt is live; the next one is scheduled
  CoolingDown,  ///< its restart limit was reached; it rests before it tries again
  Stopping,     ///< its last stop, or a restart from outside, has begun and is not over
  Straggling,   ///< it did not end within its stop timeout
  Completed,    ///< ended: returned
  Failed,       ///< ended: failed, and nothing restarts it
  GaveUp,       ///< ended: reached its restart limit under OnLimit::GiveUp
  Stopped,      ///< ended: because we stopped it
};

/// True for the last four.
constexpr bool is_ended(TaskState state) noexcept { return state >= TaskState::Completed; }

/// Why stop was requested of an attempt.
enum class StopReason : std::uint8_t { None, Shutdown, Requested, Restart, Unresponsive };

enum class StopResult : std::uint8_t {
  Stopped,       ///< this call, or one that was already under way, brought it down
  AlreadyEnded,  ///< it had ended before
  TimedOut,      ///< it has not ended yet; the stop goes on
};

enum class RestartResult : std::uint8_t {
  Started,    ///< a new attempt is due now
  WhenEnded,  ///< it starts when the attempt that is being stopped has ended
  Refused,    ///< shutdown began, or the task was removed, or the supervisor is gone
};

/// What became of a shutdown hook.
enum class HookResult : std::uint8_t {
  None,        ///< the task has no hook, or its hook was not due
  Returned,    ///< it returned
  Failed,      ///< it threw, or returned a Status that is not OK
  TimedOut,    ///< it did not return within its time
  NotStarted,  ///< the shutdown's deadline came first
};

ENGIN_EXPORT std::string_view to_string(TaskState) noexcept;
ENGIN_EXPORT std::string_view to_string(StopReason) noexcept;
ENGIN_EXPORT std::string_view to_string(StopResult) noexcept;
ENGIN_EXPORT std::string_view to_string(RestartResult) noexcept;
ENGIN_EXPORT std::string_view to_string(HookResult) noexcept;
ENGIN_EXPORT std::ostream& operator<<(std::ostream&, TaskState);
ENGIN_EXPORT std::ostream& operator<<(std::ostream&, StopReason);
ENGIN_EXPORT std::ostream& operator<<(std::ostream&, StopResult);
ENGIN_EXPORT std::ostream& operator<<(std::ostream&, RestartResult);
ENGIN_EXPORT std::ostream& operator<<(std::ostream&, HookResult);

}  // namespace engin

#endif  // ENGIN_TASK_STATE_H_
