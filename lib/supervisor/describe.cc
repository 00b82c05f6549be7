// What a snapshot and a report show of a task.
#include "supervisor/core.h"
#include "supervisor/task.h"

namespace engin::detail {

TaskCounts Task::counts() noexcept {
  const base::Lock lock(mutex);
  return {attempt_, completed_, failed_};
}

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
  out.failed = failed_;
  out.restarted = attempt_ > 0 ? attempt_ - 1 : 0;
  if (!failures_.empty()) {
    out.last_failure = failures_.latest();
    out.first_failures = failures_.first();
    out.last_failures = failures_.last();
  }
  const bool waits_for_restart = state_ == TaskState::Backoff || state_ == TaskState::CoolingDown;
  if (due_ != TimePoint::max() || waits_for_restart) out.next_attempt = due_;
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
  if (state_ == TaskState::Completed) out.outcome = Outcome::Completed;
  if (state_ == TaskState::Failed || state_ == TaskState::GaveUp) out.outcome = Outcome::Failed;
  if (state_ == TaskState::Stopped) out.outcome = Outcome::Stopped;
  return out;
}

void Task::add_stragglers(std::vector<Straggler>& out, const std::string& name, TimePoint now) const {
  if (live_) out.push_back({id_, name, "body", now - began_});
  if (hook_runs_on()) out.push_back({id_, name, "hook", now - hook_->started});
  if (in_stop_callbacks_ != 0) out.push_back({id_, name, "stop callback", now - stop_asked_});
  if (disposal_ == Disposal::Posted || disposal_ == Disposal::Running) {
    out.push_back({id_, name, "destructor", now - since_});
  }
}

void Task::name_stragglers(std::vector<Straggler>& out) {
  const base::Lock lock(mutex);
  add_stragglers(out, name(), core_.runtime().now());
}

ShutdownTask Task::report(std::vector<Straggler>& stragglers) {
  ShutdownTask out;
  out.id = id_;
  out.name = name();
  const TimePoint now = core_.runtime().now();
  const base::Lock lock(mutex);
  out.state = state_;
  if (state_ == TaskState::Completed) out.outcome = Outcome::Completed;
  if (state_ == TaskState::Failed || state_ == TaskState::GaveUp) out.outcome = Outcome::Failed;
  if (state_ == TaskState::Stopped) out.outcome = Outcome::Stopped;
  out.hook = hook_result_;
  if (hook_) {
    out.hook_duration = hook_->duration;
    out.hook_failure = hook_->failure;
  }
  if (stop_latency_ >= Duration::zero()) out.stop_latency = stop_latency_;
  out.late_failures = late_failures_;
  if (late_failures_ > 0 || state_ == TaskState::Failed || state_ == TaskState::GaveUp) {
    if (!failures_.empty()) out.failure = failures_.latest();
  } else if (attached_) {
    out.failure = *attached_;
  }
  const std::size_t before = stragglers.size();
  add_stragglers(stragglers, out.name, now);
  out.clean = stragglers.size() == before && is_ended(state_) && late_failures_ == 0 &&
              (out.hook == HookResult::None || out.hook == HookResult::Returned);
  return out;
}

void Task::announce(Section& section) noexcept { note(section, EventKind::Registered, since_); }

}  // namespace engin::detail
