// What the user says about a task.
#ifndef ENGIN_TASK_OPTIONS_H_
#define ENGIN_TASK_OPTIONS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "engin/backoff.h"
#include "engin/detail/export.h"
#include "engin/failure.h"
#include "engin/hook.h"
#include "engin/restart_limit.h"

namespace engin {

/// What happens when an attempt fails: throws anything, or returns a Status that is not OK.
enum class OnException : std::uint8_t {
  Shutdown,  ///< the whole application stops, in order, and this failure is the reason
  Retry,     ///< the callable is called again, after the backoff
  Ignore,    ///< it is recorded, the task stays down, nothing else is touched
};

/// What happens when an attempt returns without failure, unasked.
enum class OnReturn : std::uint8_t {
  Finish,    ///< the task is Completed
  Restart,   ///< it is called again after the backoff, at least `initial`; no failure, counts towards no limit
  Shutdown,  ///< the application stops, in order; a clean end
};

/// What happens when an attempt did not call this_task::beat() for `heartbeat_timeout`.
enum class OnUnresponsive : std::uint8_t {
  Report,  ///< an event, once per stall
  Fail,    ///< stop is requested of the attempt, without its hook; when it has ended it counts as a failure
};

/// Everything optional about a task. Copyable; the order of members is part of the contract.
struct ENGIN_EXPORT TaskOptions {
  /// 1 to 128 bytes, no control characters, no '#', unique among the tasks present. Empty: called after the place
  /// that supervised it and its id ("ingest.cc:42#17").
  std::string name = {};
  OnException on_exception = OnException::Shutdown;
  /// Under Retry: asked once per failure, on the runner that ran the attempt. False, or a throw of its own, is handled
  /// like a limit reached. Empty: always true.
  std::function<bool(const Failure&)> retry_if = {};
  Backoff backoff = {};
  RestartLimit restart_limit = {};
  OnReturn on_return = OnReturn::Finish;
  /// Runs before stop is requested of the task for the last time (hook.h).
  Hook shutdown_hook = {};
  /// From the hook's first instruction. Then its token fires, and stop is requested all the same.
  Duration hook_timeout = std::chrono::seconds(5);
  /// From the request of stop. Then the task is a straggler.
  Duration stop_timeout = std::chrono::seconds(10);
  /// The longest time between two calls of this_task::beat() in a live attempt, the first counted from its start; of a
  /// periodic callable, in each call. Zero: off.
  Duration heartbeat_timeout = Duration::zero();
  OnUnresponsive on_unresponsive = OnUnresponsive::Report;
  /// The callable blocks at once: its runner is counted out from its first instruction.
  bool blocking = false;

  /// A copy with another name.
  TaskOptions named(std::string other) const& {
    TaskOptions copy = *this;
    copy.name = std::move(other);
    return copy;
  }

  /// OK, or INVALID_ARGUMENT whose message begins with the field at fault. `supervise` calls it.
  absl::Status validate() const;
};

}  // namespace engin

#endif  // ENGIN_TASK_OPTIONS_H_
