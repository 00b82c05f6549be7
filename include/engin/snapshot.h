// What a task, or the whole supervisor, was doing at one moment. Values: they stay as they were.
#ifndef ENGIN_SNAPSHOT_H_
#define ENGIN_SNAPSHOT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engin/detail/export.h"
#include "engin/detail/time.h"
#include "engin/failure.h"
#include "engin/outcome.h"
#include "engin/task_state.h"

namespace engin {

/// A task's id: 1, 2, ... per supervisor, never reused.
using TaskId = std::uint64_t;

struct ENGIN_EXPORT TaskSnapshot {
  TaskId id = 0;
  std::string name = {};
  TaskState state = TaskState::Registered;
  /// When it entered that state.
  TimePoint since{};
  /// When this snapshot was taken.
  TimePoint taken{};
  /// The current or last attempt, from 1; 0 before the first.
  std::uint64_t attempt = 0;
  /// this_task::ready() was called in the current attempt.
  bool ready = false;

  std::uint64_t started = 0;    ///< attempts
  std::uint64_t completed = 0;  ///< attempts (periodic: calls) that returned without failure
  std::uint64_t failed = 0;     ///< failures, of attempts and of periodic calls
  std::uint64_t restarted = 0;  ///< attempts after the first

  /// The latest failure, with its exception if that was kept.
  std::optional<Failure> last_failure = std::nullopt;
  /// The first sixteen failures, as text.
  std::vector<Failure> first_failures = {};
  /// The last sixteen failures, oldest first, as text.
  std::vector<Failure> last_failures = {};

  /// In Backoff and CoolingDown: when the next attempt is due; a periodic task: the next call.
  std::optional<TimePoint> next_attempt = std::nullopt;
  /// In Queued: how long it has waited for a runner; else how long the last attempt had.
  Duration queued{};
  /// From the last request of stop to the end of that attempt.
  std::optional<Duration> last_stop_latency = std::nullopt;

  StopReason stop_reason = StopReason::None;
  HookResult hook = HookResult::None;
  /// Of the restart limit: how many are used within the current window, and how many there are (none: unlimited).
  std::uint64_t restarts_used = 0;
  std::optional<std::uint64_t> restarts_allowed = std::nullopt;
  /// It cools down, or gave up, since retry_if wanted no other attempt.
  bool retry_refused = false;
  /// How it ended, once it has.
  std::optional<Outcome::Kind> outcome = std::nullopt;
  /// In Queued, while no runner can be had: who holds them.
  std::string waits_for = {};

  /// What it does and why, in one sentence: "in backoff for another 14 s after attempt 7 failed with system_error:
  /// connection refused; 2 of 5 restarts used".
  std::string explain() const;
};

struct ENGIN_EXPORT SupervisorSnapshot {
  std::string name = {};
  TimePoint taken{};
  bool started = false;
  bool stopping = false;
  bool ended = false;
  /// In order of their ids.
  std::vector<TaskSnapshot> tasks = {};

  /// Of all tasks ever, those removed included.
  std::uint64_t total_tasks = 0;
  std::uint64_t total_started = 0;
  std::uint64_t total_completed = 0;
  std::uint64_t total_failed = 0;
  std::uint64_t total_restarted = 0;

  int runners = 0;  ///< threads that run jobs now, the control runner not counted
  int max_runners = 0;
  int captured = 0;       ///< of them: held by a job that does not return
  std::size_t ready = 0;  ///< jobs that wait for a runner
  /// Events that no observer got, since one blocked or memory ran out.
  std::uint64_t undelivered_events = 0;
  /// Names of tasks that wait for a runner, and of those who hold one, while none is free and none can be had.
  std::vector<std::string> waiting = {};
  std::vector<std::string> holders = {};

  /// The task of that name, or null.
  const TaskSnapshot* find(std::string_view task) const noexcept;
};

}  // namespace engin

#endif  // ENGIN_SNAPSHOT_H_
