// What the shutdown's report counts.
#ifndef ENGIN_LIB_SUPERVISOR_TASK_END_H_
#define ENGIN_LIB_SUPERVISOR_TASK_END_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "engin/outcome.h"
#include "engin/shutdown_report.h"

namespace engin::detail {

/// Attempts of one task, or of many.
struct TaskCounts {
  std::uint64_t started = 0, completed = 0, failed = 0, restarted = 0;
  void operator+=(const TaskCounts& other) noexcept {
    started += other.started;
    completed += other.completed;
    failed += other.failed;
    restarted += other.restarted;
  }
};

/// How one task has ended, if it has.
struct TaskEnd {
  TaskCounts counts;
  bool gone = false;   // removed: its counts are among those of the removed
  bool clean = false;  // as in ShutdownTask
  std::optional<Outcome::Kind> outcome;
  HookResult hook = HookResult::None;
};

struct EndTotals {
  TaskCounts counts;
  std::size_t tasks = 0, clean = 0;
  std::uint64_t completed = 0, failed = 0, stopped = 0, bad_hooks = 0;

  void add(const TaskEnd& end) noexcept {
    counts += end.counts;
    ++tasks;
    if (end.clean) ++clean;
    if (end.outcome == Outcome::Completed) ++completed;
    if (end.outcome == Outcome::Failed) ++failed;
    if (end.outcome == Outcome::Stopped) ++stopped;
    if (end.hook != HookResult::None && end.hook != HookResult::Returned) ++bad_hooks;
  }
};

}  // namespace engin::detail

#endif  // ENGIN_LIB_SUPERVISOR_TASK_END_H_
