// What a handle, and the supervisor at shutdown, ask of a task.
#include <algorithm>
#include <utility>

#include "supervisor/context.h"
#include "supervisor/core.h"
#include "supervisor/task.h"

namespace engin::detail {

/// The last stop, asked for by somebody; `reason` says by whom.
void Task::stop_as(StopReason reason, TimePoint now, Section& section) {
  switch (react(Command::Stop, state_, false)) {
    case Reaction::EndNow:
      note(section, EventKind::Stopped, now, [&](Event& e) { e.reason = reason; });
      move_to(TaskEvent::EndStopped, now, section);
      return;
    case Reaction::StopIdle:
    case Reaction::StopLive:
    case Reaction::JoinStop:
      restart_wanted_ = false;  // the last call wins
      if (!ending_) {
        end_event_ = TaskEvent::EndStopped;
        begin_stop(reason, now, section);
      }
      if (hook_stage_ == HookStage::Due) launch_hook(now, section);
      return;
    default:
      return;
  }
}

bool Task::request_stop(std::uint32_t* ticket) noexcept {
  Section section(*this);
  if (is_ended(state_)) {
    restart_wanted_ = false;  // before the start
    return false;
  }
  if (ticket != nullptr) *ticket = stops_over_;
  stop_as(StopReason::Requested, core_.runtime().now(), section);
  return true;
}

bool Task::stop_is_over(std::uint32_t ticket) noexcept {
  const base::Lock lock(mutex);
  return is_ended(state_) || stops_over_ != ticket;
}

void Task::shut_down(TimePoint now, TimePoint limit, Posts* together) noexcept {
  Section section(*this, together);
  limit_ = limit;
  if (is_ended(state_)) {
    begin_disposal(section);  // it may be restarted no more: what it captured goes
    section.had_ended();
    return;
  }
  now = std::max(now, since_);  // it was read before the lock was taken
  if (ending_ && live_ && stop_requested_.load(std::memory_order_relaxed) && limit < stop_deadline_) {
    stop_deadline_ = limit;
    set_limit(strand_, limit);
  }
  stop_as(StopReason::Shutdown, now, section);
}

RestartResult Task::restart() {
  std::unique_ptr<Failure> old_attached;  // the user's, so destroyed outside the lock
  Section section(*this);
  const TimePoint now = core_.runtime().now();
  switch (react(Command::Restart, state_, gone_ || core_.shutting_down())) {
    case Reaction::Nothing:
      return RestartResult::Started;
    case Reaction::StartNow:
      streak_ = 0;
      if (series_) series_->call_now = true;
      if (state_ != TaskState::Queued) {
        if (std::exchange(restart_counted_, false)) window_->take_back();  // this one is not counted
        strand_.wait_due = TimePoint::max();
        set_timer(strand_);
        schedule(now, section);
      }
      return RestartResult::Started;
    case Reaction::RestartLive:
      if (series_) {
        series_->call_now = true;
        if (strand_.parked && strand_.waits_on == nullptr) {
          unpark(strand_);
          strand_.purpose = Strand::Purpose::Resume;
          section.post(strand_.job, runtime::Lane::Ready);
        }
        return RestartResult::Started;
      }
      restart_wanted_ = true;
      stop_reason_ = StopReason::Restart;
      move_to(TaskEvent::BeginStop, now, section);
      request_stop_of_attempt(now, section);
      return RestartResult::Started;
    case Reaction::RestartLater:
      restart_wanted_ = true;
      return RestartResult::WhenEnded;
    case Reaction::StartAgain:
      old_attached = std::move(attached_);
      if (core_.is_started()) {
        start_again(now, section);
      } else {
        restart_wanted_ = true;  // by start()
      }
      return RestartResult::Started;
    default:
      return RestartResult::Refused;
  }
}

void Task::start_again(TimePoint now, Section& section) {
  hook_stage_ = HookStage::None;
  hook_result_ = HookResult::None;
  end_event_ = TaskEvent::EndStopped;
  if (series_) series_->call_now = true;
  reset_delays();
  core_.task_started_again();
  schedule(now, section);
}

bool Task::remove() {
  Section section(*this);
  if (react(Command::Remove, state_, gone_ || core_.shutting_down()) != Reaction::Forget) return false;
  leave_registry(section);
  return true;
}

void Task::settle_end() noexcept {
  Section section(*this);
  if (!core_.ended()) settle_end(section);  // after that there may be no runner
}

/// After the end, and when the last handle went: a task that nobody can ask for any more is removed at once.
void Task::settle_end(Section& section) {
  if (!is_ended(state_) || gone_) return;
  if (core_.shutting_down()) {
    begin_disposal(section);                        // but it stays in the registry, for the report
  } else if (!has_handles() && !restart_wanted_) {  // by start()
    leave_registry(section);
  }
}

void Task::leave_registry(Section& section) {
  gone_ = true;
  core_.leave(*this, counts());
  begin_disposal(section);  // until that is over, whoever shuts down has to know of it
}

/// It executes, or, since it timed out, its token fires.
bool Task::hook_runs_on() const { return hook_ && (hook_->executing || hook_->expiring); }

/// Its last instruction may be over.
void Task::hook_ran_out(Section& section) {
  if (hook_runs_on() || disposal_ != Disposal::Due) return;
  disposal_ = Disposal::None;
  begin_disposal(section);
}

/// What belongs to the user is destroyed on a runner, without a lock: on this one, if the task ends on it, or by a job.
void Task::begin_disposal(Section& section) {
  if (disposal_ != Disposal::None) return;
  if (hook_runs_on()) {
    disposal_ = Disposal::Due;
    return;
  }
  const JobContext* job = current_job();
  if (job != nullptr && job->kind == JobContext::Kind::Body && job->task == this) {
    disposal_ = Disposal::Running;
    section.dispose_here();
    return;
  }
  disposal_ = Disposal::Posted;
  core_.cleanup_begins();
  post_stop_job(section);
}

/// True: the caller does what was posted.
bool Task::claim_disposal() {
  if (disposal_ != Disposal::Posted) return false;
  disposal_ = Disposal::Running;
  return true;
}

void Task::dispose_here() noexcept {
  const std::stop_token none;
  JobContext context{JobContext::Kind::StopCallback, &core_, this, nullptr, &none};
  const ContextScope scope(context);
  {
    const base::Lock lock(mutex);
    if (!claim_disposal()) return;
  }
  dispose();
  core_.cleanup_ends();
}

void Task::dispose() noexcept {
  BodyPtr body = std::move(body_);
  std::function<bool(const Failure&)> predicate;
  if (owned_options_) predicate = std::move(owned_options_->retry_if);
  Hook option_hook;
  if (owned_options_) option_hook = std::move(owned_options_->shutdown_hook);
  Hook hook;
  std::exception_ptr exception;
  std::unique_ptr<Failure> attached;
  {
    const base::Lock lock(mutex);
    if (hook_) hook = std::move(hook_->hook);
    if (gone_) {
      exception = failures_.take_exception();
      attached = std::move(attached_);
    }
  }
  body.reset();
  predicate = nullptr;
  option_hook = Hook();
  hook = Hook();
  exception = nullptr;
  attached.reset();
  {
    Section section(*this);
    disposal_ = Disposal::Over;
    if (gone_) section.forget();
    section.wake_waiters();
  }
}

TaskState Task::state() noexcept {
  const base::Lock lock(mutex);
  return shown_state();
}

/// Waiting is Running without a thread.
TaskState Task::shown_state() const {
  if (state_ == TaskState::Running && live_ && strand_.parked) return TaskState::Waiting;
  return state_;
}

std::optional<Outcome> Task::outcome() {
  const base::Lock lock(mutex);
  switch (state_) {
    case TaskState::Completed:
      return Outcome(Outcome::Completed);
    case TaskState::Failed:
    case TaskState::GaveUp:
      return Outcome(Outcome::Failed, failures_.empty() ? std::nullopt : std::optional<Failure>(failures_.latest()));
    case TaskState::Stopped:
      return Outcome(Outcome::Stopped, attached_ ? std::optional<Failure>(*attached_) : std::nullopt);
    default:
      return std::nullopt;
  }
}

bool Task::is_gone() noexcept {
  const base::Lock lock(mutex);
  return gone_;
}

bool Task::is_being_disposed_of() noexcept {
  const base::Lock lock(mutex);
  return disposal_ != Disposal::None && disposal_ != Disposal::Over;
}

bool Task::is_ready() noexcept {
  const base::Lock lock(mutex);
  return live_ && ready_;
}

bool Task::ended_or_straggling() noexcept {
  const base::Lock lock(mutex);
  return is_ended(state_) || (straggling_ && !hook_of_straggler_);
}

/// User code of it runs, or will: an attempt, its hook, stop callbacks, destructors.
bool Task::user_code_remains() const {
  return user_code_executes() || disposal_ == Disposal::Posted || disposal_ == Disposal::Running;
}
bool Task::user_code_executes() const { return live_ || in_stop_callbacks_ != 0 || hook_runs_on(); }

bool Task::runs_user_code() noexcept {
  const base::Lock lock(mutex);
  return user_code_remains();
}

StopReason Task::current_stop_reason() noexcept {
  const base::Lock lock(mutex);
  return stop_reason_;
}

TimePoint Task::current_stop_deadline(bool of_hook) noexcept {
  const base::Lock lock(mutex);
  if (of_hook) return hook_->deadline;
  return stop_deadline_;
}

std::uint64_t Task::attempt() noexcept {
  const base::Lock lock(mutex);
  return attempt_;
}

}  // namespace engin::detail
