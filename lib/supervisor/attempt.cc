// One attempt of a task, from its turn on a runner to what follows it.
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <new>
#include <utility>

#include "supervisor/context.h"
#include "supervisor/core.h"
#include "supervisor/task.h"

namespace engin::detail {

using runtime::Lane;

void Task::start(TimePoint now, Posts* together) noexcept {
  Section section(*this, together);
  now = std::max(now, since_);
  if (state_ == TaskState::Registered) schedule(now, section);
  // Stopped, and then restarted, before the start.
  if (is_ended(state_) && !gone_ && std::exchange(restart_wanted_, false)) start_again(now, section);
}

/// Hands the next attempt to the ready queue.
void Task::schedule(TimePoint now, Section& section) {
  const bool plain = !body_->ops->coroutine && series_ == nullptr;
  if (make_ready(now, section)) section.post(strand_.job, plain && attempt_ == 0 ? Lane::Fresh : Lane::Ready);
}

/// The next attempt is due. True: the caller puts its job into the ready queue.
bool Task::make_ready(TimePoint now, Section& section) {
  move_to(TaskEvent::Post, now, section);
  if (queued_) return false;  // the job still stands in the queue since an earlier call
  queued_ = true;
  strand_.purpose = Strand::Purpose::Begin;
  ref();
  return true;
}

void Task::run_body(runtime::Job& job) noexcept {
  Strand& strand = Strand::of(job);
  Task& task = strand.task();
  JobContext context{JobContext::Kind::Body, &task.core_, &task, &strand, nullptr};
  const ContextScope scope(context);
  const bool resumed = strand.purpose == Strand::Purpose::Resume;
  // Most steps of a coroutine end with its next wait, and need nothing of what the end of an attempt does.
  if (resumed && !task.series_ && !strand.run_frames()) return;
  task.run(resumed);
}

/// Attempt after attempt, for as long as they follow one another on this runner. `resumed`: this one had left its
/// thread; the frames of a coroutine have been resumed, and have finished.
void Task::run(bool resumed) noexcept {
  TimePoint now{};  // one clock read serves the end of an attempt and the start of the next, if nobody observes
  if (!resumed) now = core_.runtime().now();
  Next next = resumed ? Next::Begun : Next::Again;
  for (;;) {
    if (next == Next::Again && !begin_attempt(now)) break;
    RawEnd end;
    if (takes_token_ && !token_.stop_possible()) [[unlikely]] {
      fail_for_want_of_memory(end);  // begin_attempt() got no stop state
    } else if (resumed && !series_) {
      strand_.take_end(end);
    } else if (!(series_ ? run_series(resumed, end) : call(end))) {
      return;  // the strand has left this thread
    }
    resumed = false;
#ifndef NDEBUG
    report_left_behind();
#endif
    next = end_attempt(end, now);
    if (next == Next::None) break;
    if (outbox_) now = core_.runtime().now();  // the observers took their time
    core_.runtime().next_job(*strand_.job.type);
  }
  unref();
}

/// Debug builds: what the attempt changed about its thread and did not put back.
void Task::report_left_behind() const noexcept {
  if (body_->ops->coroutine || series_) return;
  try {
    const std::string left = core_.runtime().left_behind();
    if (left.empty()) return;
    std::fprintf(stderr, "engin: task '%s' changed %s of its thread, and did not put it back\n", name().c_str(),
                 left.c_str());
  } catch (...) {  // no memory for the text
  }
}

void Task::fail_for_want_of_memory(RawEnd& end) noexcept {
  try {
    throw std::bad_alloc();
  } catch (...) {
    take_current_exception(end);
  }
}

/// One call of the callable. False: it left the thread.
bool Task::call(RawEnd& end) noexcept {
  PromiseBase* frame = nullptr;
  body_->ops->run(*body_, token_, end, frame);
  if (frame == nullptr) return true;
  strand_.begin(*frame);
  if (!strand_.run_frames()) return false;
  strand_.take_end(end);
  return true;
}

bool Task::begin_attempt(TimePoint now) noexcept {
  std::unique_ptr<Failure> old_attached;  // of the attempt before; the user's, so destroyed outside the lock
  std::stop_source fresh(std::nostopstate);
  if (takes_token_) {
    try {
      fresh = std::stop_source();
    } catch (...) {  // bad_alloc: this attempt's failure; run()
    }
  }
  {
    Section section(*this);
    if (outbox_ && state_ == TaskState::Queued && (outbox_->delivering || !outbox_->events.empty())) {
      held_back_ = true;  // an observer has not heard of the last attempt yet; it comes back by deliver()
      ref();
      return false;
    }
    if (!try_begin(now, fresh, old_attached, section)) return false;
    section.deliver_here();
  }
  deliver();
  if (series_) begin_series(now);
  return true;
}

/// The one place where an attempt starts. Whoever stops the task changes its state first, and whoever begins the
/// shutdown sets its mark first; both under or before this lock.
bool Task::try_begin(TimePoint now, std::stop_source& fresh, std::unique_ptr<Failure>& old_attached, Section& section) {
  queued_ = false;
  if (state_ != TaskState::Queued || core_.shutting_down()) return false;
  queued_for_ = now - since_;
  old_attached = std::move(attached_);
  move_to(TaskEvent::Begin, now, section);
  live_ = true;
  ready_ = false;
  outcome_fixed_ = false;
  stop_requested_.store(false, std::memory_order_relaxed);
  stop_reason_ = StopReason::None;
  stop_deadline_ = TimePoint::max();
  ++attempt_;
  began_ = now;
  if (token_.stop_possible() || fresh.stop_possible()) {
    std::swap(stop_source_, fresh);
    token_ = stop_source_.get_token();
  }
  if (heartbeat_) {
    heartbeat_->stalled_since = TimePoint::min();
    beat(now);
    set_limit(strand_, detail::saturating_add(now, options_->heartbeat_timeout));
  }
  note(section, EventKind::AttemptStarted, now);
  return true;
}

Standing Task::standing() const noexcept {
  if (ending_ || core_.shutting_down()) return Standing::Ending;
  if (restart_wanted_) return Standing::Restarting;
  return Standing::Normal;
}

/// We began to stop this attempt: its hook had started, or stop was requested of it.
bool Task::stop_begun() const noexcept {
  return stop_requested_.load(std::memory_order_relaxed) || hook_stage_ == HookStage::Running ||
         (hook_stage_ == HookStage::Over && hook_result_ != HookResult::NotStarted);
}

AttemptEnd Task::classify_end(bool failed) const noexcept {
  if (outcome_fixed_) return AttemptEnd::Failed;
  return classify({failed, stop_begun(),
                   stop_requested_.load(std::memory_order_relaxed) && stop_reason_ == StopReason::Unresponsive});
}

/// Whether retry_if wants another attempt. User code: asked without the lock, once per failure. From here on a stop
/// does not change this attempt's outcome any more.
bool Task::ask_retry_if(const RawEnd& end, const FailureText& text) noexcept {
  if (options_->on_exception != OnException::Retry || !options_->retry_if) return true;
  if (series_ && series_->asked) return !series_->refused;
  {
    const base::Lock lock(mutex);
    if (classify_end(true) != AttemptEnd::Failed || standing() != Standing::Normal) return true;
    outcome_fixed_ = true;
  }
  try {
    return options_->retry_if(text.with(end.exception, end.status));
  } catch (...) {
    (void)take_current_exception();
    return false;
  }
}

/// What follows on this runner.
Task::Next Task::end_attempt(RawEnd& end, TimePoint& now) noexcept {
  now = core_.runtime().now();
  bool failed = end.kind != RawEnd::Kind::Returned;
  FailureText text;
  FailureMemory::Room room;
  bool retry = true;
  if (failed) {
    text = FailureText::of(end, now, now - began_here(), attempt_here());
    room = failure_room();
    retry = ask_retry_if(end, text);
    if (options_->retry_if) now = core_.runtime().now();  // it may take its time, and the delay begins with its answer
  } else if (stopped_as_unresponsive()) {
    text = FailureText::unresponsive(now, now - began_here(), attempt_here());
    room = failure_room();
  }
  Next next = Next::None;
  // What is the user's, and a stop state that somebody asked for, are destroyed outside the lock.
  std::unique_ptr<Failure> old_attached;
  std::stop_source old_source(std::nostopstate);
  {
    Section section(*this);
    if (outbox_) now = std::max(now, outbox_->last_time);  // what was told meanwhile came first; delays begin after it
    const AttemptEnd what = classify_end(failed);
    live_ = false;
    set_limit(strand_, TimePoint::max());
    if (stop_requested_.load(std::memory_order_relaxed)) {
      stop_latency_ = now - stop_asked_;
      if (!ending_) end_straggling(now, section);
    }
    if (what == AttemptEnd::Returned) ++completed_;
    if (what == AttemptEnd::Failed) count_failure(text, end, room, section);
    if (what == AttemptEnd::Stopped && failed) attach(text, end);
    if (end.exception) [[unlikely]]
      section.unkept_exception = std::move(end.exception);
    if (after_attempt(what, retry, now, section)) {
      next = Next::Again;
      // If nothing has to be told, and no memory be had, in between, it begins in the same section.
      if (!outbox_ && !series_ && !takes_token_) {
        next = try_begin(now, old_source, old_attached, section) ? Next::Begun : Next::None;
      }
    }
    section.deliver_here();
  }
  deliver();
  return next;
}

void Task::count_failure(const FailureText& text, RawEnd& end, FailureMemory::Room& room, Section& section) {
  failures_.add(text, end, room, section.old_exception);
  count_late(section);
}

/// A failure after shutdown began. Asked again where what follows is decided: another thread may begin the shutdown
/// meanwhile, and then the failure is late, since nothing else is made of it.
void Task::count_late(Section& section) {
  if (section.counted_late || !core_.shutting_down()) return;
  section.counted_late = true;
  ++late_failures_;
  core_.add_late_failure(failures_);
}

void Task::shut_all_down(ShutdownCause::Kind kind, Section& section, std::string_view reason) {
  if (!core_.begin_shutdown(make_cause(kind, reason)) && kind != ShutdownCause::Kind::TaskReturned) count_late(section);
  section.wake_waiters_of_core();
}

/// What a stopped attempt threw: no failure, but somebody may want to know.
void Task::attach(const FailureText& text, RawEnd& end) noexcept {
  try {
    attached_ = std::make_unique<Failure>(text.with(end.exception, end.status));
    end.exception = nullptr;
  } catch (...) {  // no memory: the outcome comes without it
  }
}

Duration Task::next_delay(TimePoint now) {
  const Backoff& backoff = options_->backoff;
  const TimePoint healthy_since = ready_ ? ready_at_ : began_;
  if (now - healthy_since >= backoff.reset_after) streak_ = 0;
  ++streak_;
  const Backoff::Range range = backoff.range(streak_);
  return range.earliest == range.latest ? range.earliest : backoff.delay(streak_, core_.random(id_, attempt_));
}

bool Task::restart_allowed(TimePoint at) { return !window_ || window_->allow(at, options_->restart_limit); }

void Task::reset_delays() {
  streak_ = 0;
  if (window_) window_->reset();
}

// Without the lock: only the strand's owner, who calls this, ever changes what is looked at.
FailureMemory::Room Task::failure_room() noexcept ABSL_NO_THREAD_SAFETY_ANALYSIS {
  return failures_.wants_room() ? failures_.make_room() : FailureMemory::Room();
}

bool Task::stopped_as_unresponsive() noexcept {
  if (options_->on_unresponsive != OnUnresponsive::Fail || !stop_requested_.load(std::memory_order_relaxed))
    return false;
  const base::Lock lock(mutex);
  return stop_reason_ == StopReason::Unresponsive;
}

/// Moves the task on after an attempt that ended as `what`. True: the next one follows on this runner.
bool Task::after_attempt(AttemptEnd what, bool retry, TimePoint now, Section& section) {
  const Standing stands = standing();
  restart_counted_ = false;
  switch (follow(what, stands, options_->on_exception, options_->on_return)) {
    case Follow::Complete:
      note_end(section, what, now, Decision::Finish);
      end_with(TaskEvent::EndCompleted, now, section);
      return false;
    case Follow::CompleteAndEnd:
      note_end(section, what, now, core_.shutting_down() ? Decision::None : Decision::Shutdown);
      end_with(TaskEvent::EndCompleted, now, section);
      shut_all_down(ShutdownCause::Kind::TaskReturned, section);
      return false;
    case Follow::Stop:
      note_end(section, what, now, Decision::None);
      end_with(TaskEvent::EndStopped, now, section);
      return false;
    case Follow::Fail:
      note_end(section, what, now, stands == Standing::Ending ? Decision::None : Decision::Ignore);
      if (stands == Standing::Ending) count_late(section);
      end_with(TaskEvent::EndFailed, now, section);
      return false;
    case Follow::FailAndEnd:
      note_end(section, what, now, core_.shutting_down() ? Decision::None : Decision::Shutdown);
      end_with(TaskEvent::EndFailed, now, section);
      shut_all_down(ShutdownCause::Kind::TaskFailed, section);
      return false;
    case Follow::RestartNow:
      streak_ = 0;
      if (series_) series_->call_now = true;
      restart_wanted_ = false;
      note_end(section, what, now, Decision::Restart);
      return go_on_after(TaskEvent::Delay, Duration::zero(), now, section);
    case Follow::RestartReturn: {
      // No failure, so it counts towards no limit; but a callable that returns at once must not spin.
      const Duration delay = std::max(next_delay(now), options_->backoff.range(1).latest);
      note_end(section, what, now, Decision::Restart, delay);
      return go_on_after(TaskEvent::Delay, delay, now, section);
    }
    case Follow::Retry:
      break;
  }
  const Duration delay = next_delay(now);
  if (retry && !(series_ && series_->at_limit) && restart_allowed(detail::saturating_add(now, delay))) {
    restart_counted_ = window_ != nullptr;
    note_end(section, what, now, Decision::Restart, delay);
    return go_on_after(TaskEvent::Delay, delay, now, section);
  }
  return at_limit(what, !retry, now, section);
}

/// The restart limit is used up, or retry_if refused.
bool Task::at_limit(AttemptEnd what, bool refused, TimePoint now, Section& section) {
  const OnLimit then = options_->restart_limit.then;
  retry_refused_ = refused;
  switch (then.kind()) {
    case OnLimit::Kind::Shutdown:
      note_end(section, what, now, Decision::Shutdown);
      end_with(TaskEvent::EndFailed, now, section);
      shut_all_down(ShutdownCause::Kind::LimitReached, section, refused ? "retry_if refused" : "");
      return false;
    case OnLimit::Kind::GiveUp:
      note_end(section, what, now, Decision::GiveUp);
      note(section, EventKind::GaveUp, now);
      end_with(TaskEvent::EndGaveUp, now, section);
      return false;
    case OnLimit::Kind::CoolDown:
      note_end(section, what, now, Decision::CoolDown, then.rest());
      reset_delays();
      return go_on_after(TaskEvent::Rest, then.rest(), now, section);
  }
  return false;
}

/// The next attempt after `delay`. True: at once, on this runner, since nobody else is ready.
bool Task::go_on_after(TaskEvent event, Duration delay, TimePoint now, Section& section) {
  note(section, EventKind::RestartScheduled, now, [&](Event& e) { e.delay = delay; });
  if (delay <= Duration::zero()) {
    if (core_.runtime().others_ready()) {
      schedule(now, section);
      return false;
    }
    move_to(TaskEvent::Post, now, section);
    queued_ = true;  // this runner is the queue
    strand_.purpose = Strand::Purpose::Begin;
    return true;
  }
  move_to(event, now, section);
  strand_.wait_due = detail::saturating_add(now, delay);
  set_timer(strand_);
  return false;
}

/// The attempt was the last one; the task ends as `how`, at once or when its hook is over.
void Task::end_with(TaskEvent how, TimePoint now, Section& section) {
  end_event_ = how;
  if (ending_) {
    if (hook_stage_ == HookStage::None || hook_stage_ == HookStage::Over) finish_stop(now, section);
    return;
  }
  if (core_.shutting_down()) {
    // It had not ended when shutdown began, so its hook is due all the same; its turn may not have come.
    begin_stop(StopReason::Shutdown, now, section, true);
    return;
  }
  move_to(how, now, section);
}

/// The event of an attempt's end.
void Task::note_end(Section& section, AttemptEnd what, TimePoint now, Decision decision, Duration delay) {
  constexpr EventKind kinds[] = {EventKind::Completed, EventKind::Failed, EventKind::Stopped};
  // Called by note(), under this lock.
  note(section, kinds[static_cast<int>(what)], now, [&](Event& e) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    e.decision = decision;
    e.delay = delay;
    e.duration = now - began_here();
    if (what == AttemptEnd::Stopped) e.reason = stop_reason_;
    if (what == AttemptEnd::Failed) e.failure = failures_.latest();
    if (what == AttemptEnd::Stopped && attached_) e.failure = *attached_;
  });
}

ShutdownCause Task::make_cause(ShutdownCause::Kind kind, std::string_view reason) noexcept {
  ShutdownCause cause;
  cause.kind = kind;
  cause.task = id_;
  try {
    cause.task_name = name();
    cause.reason = reason;
    if (kind != ShutdownCause::Kind::TaskReturned) cause.failure = failures_.latest();
  } catch (...) {  // no memory: the cause comes without its text
  }
  return cause;
}

void Task::beat() noexcept {
  if (heartbeat_) beat(core_.runtime().now());
}

void Task::mark_ready() {
  {
    Section section(*this);
    if (!live_ || ready_) return;
    ready_ = true;
    ready_at_ = core_.runtime().now();
    note(section, EventKind::Ready, ready_at_);
    section.deliver_here();
    section.wake_waiters();
  }
  deliver();
}

}  // namespace engin::detail
