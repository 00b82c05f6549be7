// How one task is taken down: hook, request of stop, await. design: the hook belongs to the last stop; a stop before a
// restart, and that of an unresponsive attempt, begin with the request.
#include <algorithm>
#include <utility>

#include "supervisor/context.h"
#include "supervisor/core.h"
#include "supervisor/task.h"

namespace engin::detail {

using runtime::Lane;

/// The last stop begins. Its hook becomes due; without one it goes on at once. `end_told`: the event of an attempt that
/// has just ended told how the task ends.
void Task::begin_stop(StopReason reason, TimePoint now, Section& section, bool end_told) {
  ending_ = true;
  restart_wanted_ = false;
  // Of the live attempt the reason stays as it was requested; what was requested of an earlier one is over.
  if (!live_ || !stop_requested_.load(std::memory_order_relaxed)) stop_reason_ = reason;
  if (!live_) {
    // A pending restart is cancelled here.
    strand_.wait_due = TimePoint::max();
    set_timer(strand_);
    tell_stopped_ = end_event_ == TaskEvent::EndStopped && !end_told;
  }
  move_to(TaskEvent::BeginStop, now, section);
  if (hook_) {
    hook_stage_ = HookStage::Due;
    hook_result_ = HookResult::None;
    if (straggling_) {  // since an earlier stop; nobody waits for the attempt, but for the hook
      hook_of_straggler_ = true;
      count_again();
    }
    hook_->duration = Duration::zero();
    hook_->failure.clear();
  } else {
    go_on_stopping(now, section);
  }
}

void Task::launch_hook(TimePoint now, Section& section) {
  if (hook_->executing || hook_->expiring) {  // still the one of an earlier stop: it had its time
    hook_stage_ = HookStage::Over;
    hook_result_ = HookResult::TimedOut;
    go_on_stopping(now, section);
    return;
  }
  hook_stage_ = HookStage::Queued;
  hook_->strand.purpose = Strand::Purpose::Begin;
  ref();
  section.post(hook_->strand.job, Lane::Stop);
}

/// Where this stop has to end: with its slice of the shutdown, if it is one.
TimePoint Task::stop_limit() const {
  return core_.shutting_down() ? std::min(limit_, core_.deadline()) : TimePoint::max();
}

void Task::run_hook(runtime::Job& job) noexcept {
  Strand& strand = Strand::of(job);
  Task& task = strand.task();
  HookRun& hook = *task.hook_;
  JobContext context{JobContext::Kind::Hook, &task.core_, &task, &strand, &hook.token};
  const ContextScope scope(context);
  RawEnd end;
  if (strand.purpose == Strand::Purpose::Begin) {
    {
      Section section(task);
      if (task.hook_stage_ != HookStage::Queued) {  // the shutdown's deadline came first
        task.unref_later(section);
        return;
      }
      const TimePoint now = task.core_.runtime().now();
      task.hook_stage_ = HookStage::Running;
      hook.executing = true;
      if (hook.expired.load()) {  // in an earlier run
        hook.source = std::stop_source();
        hook.token = hook.source.get_token();
        hook.expired.store(false);
      }
      hook.started = now;
      // Half of what is left, so that the body has the other half.
      Duration time = task.options_->hook_timeout;
      const TimePoint limit = task.stop_limit();
      if (limit != TimePoint::max()) time = std::min(time, std::max(Duration::zero(), (limit - now) / 2));
      hook.deadline = detail::saturating_add(now, time);
      task.set_limit(hook.strand, hook.deadline);
      task.note(section, EventKind::HookStarted, now);
    }
    // Destroyed when it executes no more, at the earliest: so not while this thread is in it, and by nobody that this
    // thread might keep waiting once it has left.
    Body& body = *hook.hook.body();
    PromiseBase* frame = nullptr;
    body.ops->run(body, hook.token, end, frame);
    if (frame != nullptr) {
      strand.begin(*frame);
      if (!strand.run_frames()) return;
      strand.take_end(end);
    }
  } else {
    if (!strand.run_frames()) return;
    strand.take_end(end);
  }
  task.hook_over(end);
  task.unref();
}

void Task::hook_over(RawEnd& end) noexcept {
  const TimePoint now = core_.runtime().now();
  std::string failure;
  if (end.kind != RawEnd::Kind::Returned) {
    try {
      failure = FailureText::of(end, now, Duration::zero(), 0).with(nullptr, end.status).describe();
    } catch (...) {  // no memory for the text; the result says that it failed
    }
  }
  Section section(*this);
  hook_->executing = false;
  hook_ran_out(section);
  section.wake_waiters();
  if (hook_stage_ != HookStage::Running) {  // it had timed out, and the stop went on without it
    note(section, EventKind::StragglerEnded, now, [&](Event& e) {
      e.duration = now - hook_->started;
      e.detail = "hook";
    });
    return;
  }
  hook_->duration = now - hook_->started;
  hook_stage_ = HookStage::Over;
  hook_result_ = end.kind == RawEnd::Kind::Returned ? HookResult::Returned : HookResult::Failed;
  hook_->failure = std::move(failure);
  set_limit(hook_->strand, TimePoint::max());
  const HookResult result = hook_result_;
  note(section, EventKind::HookEnded, now, [&](Event& e) {
    e.hook = result;
    e.duration = hook_->duration;
    e.detail = hook_->failure;
  });
  go_on_stopping(now, section);
}

void Task::hook_overdue(TimePoint now, Section& section) {
  if (hook_stage_ == HookStage::Running) hook_timed_out(now, section);
}

void Task::hook_timed_out(TimePoint now, Section& section) {
  hook_stage_ = HookStage::Over;
  hook_result_ = HookResult::TimedOut;
  hook_->expired.store(true);
  hook_->expiring = true;
  hook_->duration = now - hook_->started;
  note(section, EventKind::HookTimedOut, now, [&](Event& e) {
    e.hook = HookResult::TimedOut;
    e.duration = hook_->duration;
  });
  core_.cleanup_begins();
  ref();
  section.post(hook_->expire_job, Lane::Stop);
  go_on_stopping(now, section);
}

void Task::expire_hook(runtime::Job& job) noexcept {
  HookRun& hook = HookRun::of(job);
  Task& task = hook.strand.task();
  JobContext context{JobContext::Kind::StopCallback, &task.core_, &task, nullptr, &hook.token};
  const ContextScope scope(context);
  hook.source.request_stop();
  task.cut_short(hook.strand);
  {
    Section section(task);
    hook.expiring = false;
    task.hook_ran_out(section);
    section.wake_waiters();
  }
  task.core_.cleanup_ends();
  task.unref();
}

/// The hook is over, or there is none: now stop is requested, or, if no attempt is live, this is the end.
void Task::go_on_stopping(TimePoint now, Section& section) {
  if (std::exchange(hook_of_straggler_, false)) {
    count_off();
    section.wake_waiters();
  }
  if (!live_) {
    finish_stop(now, section);
  } else if (!stop_requested_.load(std::memory_order_relaxed)) {
    request_stop_of_attempt(now, section);
  }
}

/// Here and now if nobody has asked for the attempt's token, for then there are no callbacks to run; else by a job.
void Task::request_stop_of_attempt(TimePoint now, Section& section) {
  if (stop_source_.stop_possible()) {
    post_stop_job(section);
    return;
  }
  note_stop_request(now, section);
  if (end_wait(strand_)) {
    strand_.purpose = Strand::Purpose::Resume;
    section.post(strand_.job, Lane::Ready);
  }
}

/// Stop counts as requested from here.
void Task::note_stop_request(TimePoint now, Section& section) {
  stop_requested_.store(true, std::memory_order_release);
  stop_asked_ = now;
  stop_deadline_ = std::min(detail::saturating_add(now, options_->stop_timeout), std::max(now, stop_limit()));
  set_limit(strand_, stop_deadline_);
  const StopReason reason = stop_reason_;
  note(section, EventKind::StopRequested, now, [&](Event& e) { e.reason = reason; });
}

void Task::post_stop_job(Section& section) {
  if (stop_job_posted_) return;
  stop_job_posted_ = true;
  ref();
  section.post(stop_job_, Lane::Stop);
}

/// For a stop job that runs: stop has not been requested of the attempt that is live now, which may be a newer one than
/// that which it was posted for, and its hook is over.
bool Task::stop_request_due() const {
  if (!live_ || stop_requested_.load(std::memory_order_relaxed) || stop_reason_ == StopReason::None) return false;
  return !ending_ || hook_stage_ == HookStage::None || hook_stage_ == HookStage::Over;
}

void Task::run_stop_job(runtime::Job& job) noexcept {
  Task& task = of_stop_job(job);
  std::stop_source source(std::nostopstate);
  std::stop_token token;
  JobContext context{JobContext::Kind::StopCallback, &task.core_, &task, nullptr, &token};
  const ContextScope scope(context);
  bool dispose = false;
  bool request = false;
  {
    Section section(task);
    task.stop_job_posted_ = false;
    dispose = task.claim_disposal();
    if (!dispose && task.stop_request_due()) {
      task.note_stop_request(task.core_.runtime().now(), section);
      ++task.in_stop_callbacks_;
      source = task.stop_source_;
      request = true;
    }
  }
  if (dispose) {
    task.dispose();
    task.core_.cleanup_ends();
  }
  if (request) {
    token = source.get_token();
    source.request_stop();  // runs the user's stop callbacks
    task.cut_short(task.strand_);
    Section section(task);
    --task.in_stop_callbacks_;
    section.wake_waiters();
    if (task.ending_ && !task.live_ && (task.hook_stage_ == HookStage::None || task.hook_stage_ == HookStage::Over)) {
      task.finish_stop(task.core_.runtime().now(), section);
    }
  }
  task.unref();
}

/// No attempt is live and the hook is over: the stop has reached its end.
void Task::finish_stop(TimePoint now, Section& section) {
  if (in_stop_callbacks_ != 0) return;  // run_stop_job() comes back here
  end_straggling(now, section);
  set_limit(strand_, TimePoint::max());
  ending_ = false;
  if (tell_stopped_) {
    tell_stopped_ = false;
    const StopReason reason = stop_reason_;
    note(section, EventKind::Stopped, now, [&](Event& e) { e.reason = reason; });
  }
  ++stops_over_;
  if (restart_wanted_ && !core_.shutting_down()) {
    section.wake_waiters();
    restart_wanted_ = false;
    hook_stage_ = HookStage::None;
    if (series_) series_->call_now = true;
    reset_delays();
    schedule(now, section);
    return;
  }
  move_to(end_event_, now, section);
}

/// The live attempt did not end within its stop's time; or it is time to look at its heartbeat.
void Task::body_overdue(TimePoint now, Section& section) {
  stop_requested_.load(std::memory_order_relaxed) ? become_straggler(now, section) : check_heartbeat(now, section);
}

void Task::become_straggler(TimePoint now, Section& section) {
  if (straggling_) return;
  straggling_ = true;
  // It may be so already: one that straggled since a restart, has ended, and whose last stop is overdue as well.
  if (state_ != TaskState::Straggling) move_to(TaskEvent::Overdue, now, section);
  const Duration late = now - stop_asked_;
  const StopReason reason = stop_reason_;
  note(section, EventKind::Straggler, now, [&](Event& e) {
    e.duration = late;
    e.reason = reason;
  });
  if (ending_ && hook_stage_ != HookStage::None && hook_stage_ != HookStage::Over) {
    hook_of_straggler_ = true;  // asked to stop as Unresponsive, and its last stop began meanwhile
  } else {
    count_off();
  }
  section.wake_waiters();
}

/// The shutdown need not wait for it, and has to again. Both are said under the lock: said later they might come when
/// it is no longer so, and the shutdown would take a task for settled whose hook it has just launched, or all for
/// settled.
void Task::count_off() { core_.task_straggles(*this, +1); }
void Task::count_again() { core_.task_straggles(*this, -1); }

void Task::end_straggling(TimePoint now, Section& section) {
  if (!straggling_) return;
  straggling_ = false;
  const Duration late = now - stop_asked_;
  note(section, EventKind::StragglerEnded, now, [&](Event& e) { e.duration = late; });
  count_again();
}

void Task::check_heartbeat(TimePoint now, Section& section) {
  if (series_ && !series_->in_call) {  // nothing runs that could give a beat
    set_limit(strand_, detail::saturating_add(now, options_->heartbeat_timeout));
    return;
  }
  const TimePoint last{Duration(heartbeat_->last.load(std::memory_order_relaxed))};
  const TimePoint due = detail::saturating_add(last, options_->heartbeat_timeout);
  if (now < due) {
    set_limit(strand_, due);
    return;
  }
  if (last != heartbeat_->stalled_since) {
    heartbeat_->stalled_since = last;  // one report per stall
    note(section, EventKind::Unresponsive, now, [&](Event& e) { e.duration = now - last; });
    if (options_->on_unresponsive == OnUnresponsive::Fail && !ending_ && stop_reason_ == StopReason::None) {
      stop_reason_ = StopReason::Unresponsive;
      move_to(TaskEvent::BeginStop, now, section);
      request_stop_of_attempt(now, section);
      return;
    }
  }
  set_limit(strand_, detail::saturating_add(now, options_->heartbeat_timeout));
}

void Task::give_up_at_deadline() noexcept {
  Section section(*this);
  const TimePoint now = core_.runtime().now();
  if (is_ended(state_)) return;
  if (state_ == TaskState::Registered) {
    move_to(TaskEvent::EndStopped, now, section);
    return;
  }
  if (!ending_) {
    end_event_ = TaskEvent::EndStopped;
    begin_stop(StopReason::Shutdown, now, section);
  }
  if (hook_stage_ == HookStage::Due || hook_stage_ == HookStage::Queued) {
    hook_stage_ = HookStage::Over;
    hook_result_ = HookResult::NotStarted;
    go_on_stopping(now, section);
  } else if (hook_stage_ == HookStage::Running) {
    hook_timed_out(now, section);
  }
  if (!is_ended(state_)) {
    if (!stop_requested_.load(std::memory_order_relaxed)) stop_asked_ = now;
    become_straggler(now, section);
  }
}

}  // namespace engin::detail
