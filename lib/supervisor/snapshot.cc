#include "engin/snapshot.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/duration_text.h"
#include "base/text.h"
#include "supervisor/phrases.h"

namespace engin {

namespace {

using base::duration_text;

// A snapshot's parts are read one after the other: what should not be negative may be, by a little.
Duration from_to(TimePoint from, TimePoint to) { return std::max(to - from, Duration::zero()); }

std::string ago(const TaskSnapshot& task) { return duration_text(from_to(task.since, task.taken)) + " ago"; }
std::string for_so_long(const TaskSnapshot& task) { return "for " + duration_text(from_to(task.since, task.taken)); }
std::string attempt_text(const TaskSnapshot& task) { return absl::StrCat("attempt ", task.attempt); }

bool latest_attempt_failed(const TaskSnapshot& task) {
  return task.last_failure && task.last_failure->attempt() == task.attempt;
}

std::string how_the_attempt_ended(const TaskSnapshot& task) {
  if (!latest_attempt_failed(task)) return attempt_text(task) + " returned";
  return attempt_text(task) + " failed with " + failure_phrase(*task.last_failure);
}

// "; 2 of 5 restarts used", or that there is no limit.
std::string limit_text(const TaskSnapshot& task) {
  if (task.retry_refused) return {};
  if (!task.restarts_allowed) {
    return "; " + count_phrase(task.restarted, "restart", "restarts") + " so far, without a limit";
  }
  return absl::StrCat("; ", base::grouped(task.restarts_used), " of ",
                      count_phrase(*task.restarts_allowed, "restart", "restarts"), " used");
}

std::string why_no_more(const TaskSnapshot& task) {
  return task.retry_refused ? ", since retry_if refused, after " : ", its limit reached, after ";
}

// What a live attempt looks back on.
std::string failures_so_far(const TaskSnapshot& task) {
  if (task.failed == 0 || !task.last_failure) return {};
  return "; " + count_phrase(task.failed, "failure", "failures") +
         " so far, the last: " + failure_phrase(*task.last_failure);
}

std::string until_next(const TaskSnapshot& task) {
  const Duration left = task.next_attempt ? from_to(task.taken, *task.next_attempt) : Duration::zero();
  if (left == Duration::zero()) return ", due now,";
  if (*task.next_attempt == TimePoint::max()) return " for ever";
  return " for another " + duration_text(left);
}

std::string hook_text(HookResult hook) {
  switch (hook) {
    case HookResult::None:
      break;
    case HookResult::Returned:
      return "; its hook returned";
    case HookResult::Failed:
      return "; its hook failed";
    case HookResult::TimedOut:
      return "; its hook did not return in time";
    case HookResult::NotStarted:
      return "; its hook was not started, since no time was left";
  }
  return {};
}

std::string with_reason(std::string text, StopReason reason) {
  const std::string_view why = reason_phrase(reason);
  if (!why.empty()) text.append(" ").append(why);
  return text;
}

std::string live_text(const TaskSnapshot& task, const std::string& does) {
  std::string text = attempt_text(task) + does;
  if (task.ready) text += ", and is ready";
  return text;
}

}  // namespace

std::string TaskSnapshot::explain() const {
  switch (state) {
    case TaskState::Registered:
      return "registered; it starts with the supervisor";
    case TaskState::Queued: {
      std::string text =
          absl::StrCat("attempt ", attempt + 1, " has been waiting for a runner for ") + duration_text(queued);
      if (!waits_for.empty()) text += "; none can be had: " + base::one_line(waits_for);
      return text;
    }
    case TaskState::Running:
      return live_text(*this, " has been running " + for_so_long(*this)) + failures_so_far(*this);
    case TaskState::Waiting: {
      // Since when it waits for just this is not kept.
      std::string text = live_text(*this, " began " + ago(*this) + " and is waiting, holding no thread");
      if (next_attempt) text += "; its next call comes in " + duration_text(from_to(taken, *next_attempt));
      return text + failures_so_far(*this);
    }
    case TaskState::Backoff:
      return "in backoff" + until_next(*this) + " after " + how_the_attempt_ended(*this) + limit_text(*this);
    case TaskState::CoolingDown:
      return "cooling down" + until_next(*this) + why_no_more(*this) + how_the_attempt_ended(*this) + limit_text(*this);
    case TaskState::Stopping:
      return with_reason("stopping", stop_reason) + " " + for_so_long(*this) +
             (attempt > 0 ? "; " + attempt_text(*this) + " has not ended" : "") + hook_text(hook);
    case TaskState::Straggling:
      return with_reason("straggling: " + attempt_text(*this) + " was asked to stop", stop_reason) +
             " and did not end in time, " + duration_text(from_to(since, taken)) + " ago" + hook_text(hook);
    case TaskState::Completed:
      return "completed " + ago(*this) + (attempt > 0 ? ": " + attempt_text(*this) + " returned" : "") +
             failures_so_far(*this);
    case TaskState::Failed:
      return "failed " + ago(*this) + ": " + how_the_attempt_ended(*this) + "; nothing restarts it";
    case TaskState::GaveUp:
      return "gave up " + ago(*this) + why_no_more(*this) + how_the_attempt_ended(*this) + limit_text(*this);
    case TaskState::Stopped: {
      std::string text = with_reason("stopped", stop_reason) + " " + ago(*this);
      if (attempt == 0) text += ", never started";
      return text + hook_text(hook) + failures_so_far(*this);
    }
  }
  return "in a state that this version does not know";
}

const TaskSnapshot* SupervisorSnapshot::find(std::string_view task) const noexcept {
  const auto found = std::find_if(tasks.begin(), tasks.end(), [&](const TaskSnapshot& t) { return t.name == task; });
  return found != tasks.end() ? &*found : nullptr;
}

}  // namespace engin
