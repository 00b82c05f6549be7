// How a shutdown went.
#ifndef ENGIN_SHUTDOWN_REPORT_H_
#define ENGIN_SHUTDOWN_REPORT_H_

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engin/detail/export.h"
#include "engin/detail/time.h"
#include "engin/failure.h"
#include "engin/outcome.h"
#include "engin/snapshot.h"
#include "engin/task_state.h"

namespace engin {

/// Why shutdown began. The first cause stays for ever.
struct ENGIN_EXPORT ShutdownCause {
  enum class Kind : std::uint8_t {
    Requested,     ///< request_shutdown(), shutdown(), the destructor
    TaskFailed,    ///< a task under OnException::Shutdown failed
    Signal,        ///< SIGTERM and the like, taken by the host
    LimitReached,  ///< a task under Retry reached its restart limit, or retry_if refused
    TaskReturned,  ///< a task under OnReturn::Shutdown returned
  };
  Kind kind = Kind::Requested;
  /// The text given with the request.
  std::string reason = {};
  /// The task that caused it; 0 and empty if none did.
  TaskId task = 0;
  std::string task_name = {};
  std::optional<Failure> failure = std::nullopt;
  /// The signal's number, for Kind::Signal.
  int signal = 0;

  /// In one line: "task 'uplink' failed: system_error: connection refused".
  std::string describe() const;
};

/// One task in a ShutdownReport.
struct ENGIN_EXPORT ShutdownTask {
  TaskId id = 0;
  std::string name = {};
  /// When the report was made; Stopping or Straggling if it had not ended.
  TaskState state = TaskState::Stopped;
  /// None if it had not ended.
  std::optional<Outcome::Kind> outcome = std::nullopt;
  HookResult hook = HookResult::None;
  Duration hook_duration{};
  /// What the hook threw or returned.
  std::string hook_failure = {};
  /// From the request of stop to the end of the attempt.
  std::optional<Duration> stop_latency = std::nullopt;
  /// A failure after shutdown began, or what a stopped attempt threw (that one is no failure).
  std::optional<Failure> failure = std::nullopt;
  /// How often it failed after shutdown began.
  std::uint64_t late_failures = 0;
  /// Ended in time, by itself or stopped; its hook, if it ran, returned; no failure after shutdown began.
  bool clean = true;
};

/// Somebody who did not end in time.
struct ENGIN_EXPORT Straggler {
  TaskId id = 0;
  /// The task's name; "observer" or "stop callback" for user code that belongs to no task.
  std::string name = {};
  /// "body", "hook", "stop callback", "destructor" or "observer".
  std::string what = {};
  /// How long it had been running.
  Duration age{};
};

struct ENGIN_EXPORT ShutdownReport {
  ShutdownCause cause = {};
  /// Failures after the first cause, in order, up to 1,000 of them.
  std::vector<Failure> secondary = {};

  std::uint64_t tasks_total = 0;      ///< that were there when shutdown began
  std::uint64_t tasks_completed = 0;  ///< of those
  std::uint64_t tasks_failed = 0;
  std::uint64_t tasks_stopped = 0;
  std::uint64_t total_started = 0;  ///< attempts of all tasks ever
  std::uint64_t total_completed = 0;
  std::uint64_t total_failed = 0;
  std::uint64_t total_restarted = 0;

  /// Up to 1,000, those that did not end cleanly first, else in order of their ids.
  std::vector<ShutdownTask> tasks = {};
  std::vector<Straggler> stragglers = {};
  /// Failures of attempts after shutdown began.
  std::uint64_t late_failures = 0;
  /// Hooks that failed, timed out or could not start in time.
  std::uint64_t bad_hooks = 0;
  std::uint64_t undelivered_events = 0;
  /// From its begin to this report.
  Duration duration{};

  /// Asked to stop (request, signal, OnReturn::Shutdown), no straggler, every hook that ran returned, no attempt
  /// failed after shutdown began. What Retry, Ignore or GiveUp handled before that does not count.
  bool clean() const noexcept;
  /// 0 clean; 1 caused by a failure or a limit; 2 asked, but not clean.
  int exit_code() const noexcept;
  /// The entry of that task, or null.
  const ShutdownTask* find(std::string_view task) const noexcept;
};

ENGIN_EXPORT std::string_view to_string(ShutdownCause::Kind) noexcept;
ENGIN_EXPORT std::ostream& operator<<(std::ostream&, ShutdownCause::Kind);
/// The report for a person: one line per thing that matters, the cause last.
ENGIN_EXPORT std::ostream& operator<<(std::ostream&, const ShutdownReport&);

}  // namespace engin

#endif  // ENGIN_SHUTDOWN_REPORT_H_
