#include "supervisor/state_machine.h"

#include <array>

namespace engin::detail {
namespace {

using S = TaskState;
using E = TaskEvent;

constexpr auto None = static_cast<S>(0xff);

// clang-format off
constexpr S Next[TaskStateCount][TaskEventCount] = {
  //                  Post       Begin       Delay       Rest            BeginStop    Overdue        EndCompleted  EndFailed  EndGaveUp  EndStopped
  /* Registered  */ { S::Queued, None,       None,       None,           None,        None,          None,         None,      None,      S::Stopped },
  /* Queued      */ { S::Queued, S::Running, None,       None,           S::Stopping, None,          None,         None,      None,      S::Stopped },
  /* Running     */ { S::Queued, None,       S::Backoff, S::CoolingDown, S::Stopping, None,          S::Completed, S::Failed, S::GaveUp, S::Stopped },
  /* Waiting     */ { None,      None,       None,       None,           None,        None,          None,         None,      None,      None       },
  /* Backoff     */ { S::Queued, None,       None,       None,           S::Stopping, None,          None,         None,      None,      S::Stopped },
  /* CoolingDown */ { S::Queued, None,       None,       None,           S::Stopping, None,          None,         None,      None,      S::Stopped },
  /* Stopping    */ { S::Queued, None,       S::Backoff, S::CoolingDown, S::Stopping, S::Straggling, S::Completed, S::Failed, S::GaveUp, S::Stopped },
  /* Straggling  */ { S::Queued, None,       S::Backoff, S::CoolingDown, S::Straggling, None,        S::Completed, S::Failed, S::GaveUp, S::Stopped },
  /* Completed   */ { S::Queued, None,       None,       None,           None,        None,          None,         None,      None,      None       },
  /* Failed      */ { S::Queued, None,       None,       None,           None,        None,          None,         None,      None,      None       },
  /* GaveUp      */ { S::Queued, None,       None,       None,           None,        None,          None,         None,      None,      None       },
  /* Stopped     */ { S::Queued, None,       None,       None,           None,        None,          None,         None,      None,      None       },
};

using F = Follow;

// What follows an attempt that nobody stopped, while the options decide: [on_exception] for a failure, [on_return] for a
// return.
constexpr F AfterFailure[] = {/* Shutdown */ F::FailAndEnd, /* Retry */ F::Retry, /* Ignore */ F::Fail};
constexpr F AfterReturn[] = {/* Finish */ F::Complete, /* Restart */ F::RestartReturn, /* Shutdown */ F::CompleteAndEnd};

using R = Reaction;

constexpr R React[TaskStateCount][3] = {
  //                  Stop             Restart          Remove
  /* Registered  */ { R::EndNow,       R::Nothing,      R::Refuse },
  /* Queued      */ { R::StopIdle,     R::StartNow,     R::Refuse },
  /* Running     */ { R::StopLive,     R::RestartLive,  R::Refuse },
  /* Waiting     */ { R::StopLive,     R::RestartLive,  R::Refuse },
  /* Backoff     */ { R::StopIdle,     R::StartNow,     R::Refuse },
  /* CoolingDown */ { R::StopIdle,     R::StartNow,     R::Refuse },
  /* Stopping    */ { R::JoinStop,     R::RestartLater, R::Refuse },
  /* Straggling  */ { R::JoinStop,     R::RestartLater, R::Refuse },
  /* Completed   */ { R::AlreadyEnded, R::StartAgain,   R::Forget },
  /* Failed      */ { R::AlreadyEnded, R::StartAgain,   R::Forget },
  /* GaveUp      */ { R::AlreadyEnded, R::StartAgain,   R::Forget },
  /* Stopped     */ { R::AlreadyEnded, R::StartAgain,   R::Forget },
};
// clang-format on

template <class Enum>
constexpr std::size_t index(Enum e) noexcept {
  return static_cast<std::size_t>(e);
}

}  // namespace

std::string_view to_string(TaskEvent event) noexcept {
  constexpr std::array<std::string_view, TaskEventCount> names = {
      "Post", "Begin", "Delay", "Rest", "BeginStop", "Overdue", "EndCompleted", "EndFailed", "EndGaveUp", "EndStopped"};
  return names[index(event)];
}

std::optional<TaskState> next_state(TaskState state, TaskEvent event) noexcept {
  const S next = Next[index(state)][index(event)];
  if (next == None) return std::nullopt;
  return next;
}

Follow follow(AttemptEnd end, Standing standing, OnException on_exception, OnReturn on_return) noexcept {
  switch (end) {
    case AttemptEnd::Stopped:
      return standing == Standing::Ending ? F::Stop : F::RestartNow;
    case AttemptEnd::Returned:
      if (standing == Standing::Ending) return on_return == OnReturn::Shutdown ? F::CompleteAndEnd : F::Complete;
      if (standing == Standing::Restarting) return F::RestartNow;
      return AfterReturn[index(on_return)];
    case AttemptEnd::Failed:
      if (on_exception == OnException::Shutdown) return F::FailAndEnd;
      if (standing == Standing::Ending) return F::Fail;
      if (standing == Standing::Restarting) return F::RestartNow;
      return AfterFailure[index(on_exception)];
  }
  return F::Fail;
}

AttemptEnd classify(EndFacts facts) noexcept {
  if (facts.stopped_unresponsive) return AttemptEnd::Failed;
  if (facts.stop_begun) return AttemptEnd::Stopped;
  return facts.failed ? AttemptEnd::Failed : AttemptEnd::Returned;
}

Reaction react(Command command, TaskState state, bool closed) noexcept {
  if (closed) return R::Refuse;
  return React[index(state)][index(command)];
}

}  // namespace engin::detail
