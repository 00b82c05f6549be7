// What a snapshot and a report show of a task.
#include <utility>

#include "supervisor/core.h"
#include "supervisor/task.h"

namespace engin::detail {

namespace {

std::optional<Outcome::Kind> outcome_of(TaskState state) noexcept {
  switch (state) {
    case TaskState::Completed:
      return Outcome::Completed;
    case TaskState::Failed:
    case TaskState::GaveUp:
      return Outcome::Failed;
    case TaskState::Stopped:
      return Outcome::Stopped;
    default:
      return std::nullopt;
  }
}

}  // namespace

TaskSnapshot Task::describe() {
  TaskSnapshot out;
  out.id = id_;
  out.name = name();
  out.taken = core_.runtime().now();
  const base::Lock lock(mutex);
  out.state = shown_state();
  out.since = since_;
  out.attempt = attempt_;
  out.ready = ready_;
  out.started = attempt_;
  out.completed = completed_;
  out.failed = failures_.count();
  out.restarted = attempt_ > 0 ? attempt_ - 1 : 0;
  if (!failures_.empty()) {
    out.last_failure = failures_.latest();
    out.first_failures = failures_.first();
    out.last_failures = failures_.last();
  }
  const bool waits_for_restart = state_ == TaskState::Backoff || state_ == TaskState::CoolingDown;
  const bool waits_for_call = series_ && strand_.parked && strand_.waits_on == nullptr;
  if (waits_for_call || waits_for_restart) out.next_attempt = strand_.wait_due;
  const bool ended_by_limit = state_ == TaskState::CoolingDown || state_ == TaskState::GaveUp;
  out.retry_refused = ended_by_limit && retry_refused_;
  out.queued = state_ == TaskState::Queued ? out.taken - since_ : queued_for_;
  if (stop_latency_ >= Duration::zero()) out.last_stop_latency = stop_latency_;
  out.stop_reason = stop_reason_;
  out.hook = hook_result_;
  out.restarts_allowed = options_->restart_limit.max_restarts;
  if (window_) out.restarts_used = window_->used(out.taken);
  // The rest begins a new count; what is shown is what led to it.
  if (window_ && state_ == TaskState::CoolingDown && !retry_refused_) out.restarts_used = *out.restarts_allowed;
  out.outcome = outcome_of(state_);
  return out;
}

void Task::add_stragglers(std::vector<Straggler>& out) const {
  if (!user_code_remains()) return;
  const std::string who = name();
  const TimePoint now = core_.runtime().now();
  if (live_) out.push_back({id_, who, "body", now - began_});
  if (hook_runs_on()) out.push_back({id_, who, "hook", now - hook_->started});
  if (in_stop_callbacks_ != 0) out.push_back({id_, who, "stop callback", now - stop_asked_});
  if (disposal_ == Disposal::Posted || disposal_ == Disposal::Running) {
    out.push_back({id_, who, "destructor", now - since_});
  }
}

TaskCounts Task::counts() const noexcept {
  return {attempt_, completed_, failures_.count(), attempt_ > 0 ? attempt_ - 1 : 0};
}

TaskEnd Task::end_now() const noexcept {
  const bool hook_is_clean = hook_result_ == HookResult::None || hook_result_ == HookResult::Returned;
  return {.counts = counts(),
          .gone = gone_,
          .clean = is_ended(state_) && !user_code_executes() && late_failures_ == 0 && hook_is_clean,
          .outcome = outcome_of(state_),
          .hook = hook_result_};
}

bool Task::claim_count() noexcept {
  return is_ended(state_) && !gone_ && core_.shutting_down() && !std::exchange(counted_, true);
}

void Task::look_at_end(TaskEnd& end, std::optional<ShutdownTask>& made, std::vector<Straggler>& stragglers,
                       bool room_if_clean, bool room_if_not) {
  const base::Lock lock(mutex);
  end = end_now();
  end.clean = end.clean && !user_code_remains();
  add_stragglers(stragglers);
  if (gone_ || !(end.clean ? room_if_clean : room_if_not)) return;
  ShutdownTask& entry = made.emplace();
  entry.id = id_;
  entry.name = name();
  entry.state = state_;
  entry.outcome = end.outcome;
  entry.clean = end.clean;
  entry.hook = hook_result_;
  if (hook_) {
    entry.hook_duration = hook_->duration;
    entry.hook_failure = hook_->failure;
  }
  if (stop_latency_ >= Duration::zero()) entry.stop_latency = stop_latency_;
  entry.late_failures = late_failures_;
  if (late_failures_ > 0 || end.outcome == Outcome::Failed) {
    if (!failures_.empty()) entry.failure = failures_.latest();
  } else if (attached_) {
    entry.failure = *attached_;
  }
}

void Task::announce(Section& section) noexcept { note(section, EventKind::Registered, since_); }

}  // namespace engin::detail
