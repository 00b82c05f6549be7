// A periodic task: one attempt is the whole series of calls.
#include <algorithm>

#include "supervisor/core.h"
#include "supervisor/task.h"

namespace engin::detail {

namespace {

/// `base + n * period`, or the last moment there is.
TimePoint due_time(TimePoint base, Duration period, std::uint64_t n) noexcept {
  const auto room = static_cast<std::uint64_t>((TimePoint::max() - base) / period);
  return n > room ? TimePoint::max() : base + period * static_cast<Duration::rep>(n);
}

}  // namespace

void Task::begin_series(TimePoint now) noexcept {
  series_->base = detail::saturating_add(now, series_->spec.options.first);
  series_->call_began = now;
  series_->index = 0;
  series_->next = series_->scheduled = detail::saturating_add(series_->base, call_jitter());
  series_->in_call = false;
  series_->asked = false;
  series_->at_limit = false;
}

/// False: the strand has left this thread. True: the series is over, `end` says with what.
bool Task::run_series(bool resumed, RawEnd& end) noexcept {
  bool resume_call = resumed && series_->in_call.load(std::memory_order_relaxed);
  TimePoint now{};  // one clock read serves the end of a call and what comes next
  if (!resume_call) {
    now = core_.runtime().now();
    if (!resumed && !await_call(now)) return false;
  }
  for (;;) {
    if (!resume_call && !begin_call(now)) return true;
    if (!resume_call) {
      if (!call(end)) return false;
    } else {
      if (!strand_.run_frames()) return false;
      strand_.take_end(end);
      resume_call = false;
    }
    series_->in_call.store(false, std::memory_order_relaxed);
    switch (end_call(end, now)) {
      case AfterCall::Over:
        return true;
      case AfterCall::Parked:
        return false;
      case AfterCall::GoesOn:
        break;
    }
    end = RawEnd();
    if (!await_call(now)) return false;
    core_.runtime().next_job(*strand_.job.type);
  }
}

/// True: the next call is due, or stop was requested. False: the strand has left this thread, and comes back when that
/// is so.
bool Task::await_call(TimePoint now) noexcept {
  if (now < series_->next && !park(strand_, nullptr, series_->next)) return false;
  if (stop_reached(strand_) || !core_.runtime().others_ready()) return true;
  // A series that is always late, or always called early, lets others go first: it comes back by way of the queue.
  resume_later(strand_, runtime::Lane::Ready);
  return false;
}

/// False: stop was requested, and there is no call.
bool Task::begin_call(TimePoint now) noexcept {
  {
    const base::Lock lock(mutex);
    if (stop_reached(strand_)) return false;
    series_->call_now = false;
    series_->in_call.store(true, std::memory_order_relaxed);
    if (heartbeat_) beat(now);
  }
  series_->call_began = now;
  take_turn(now);
  series_->asked = false;
  return true;
}

/// What follows a call, which ended at `now`. Where the series is over, end_attempt() judges the call as it would judge
/// any attempt.
Task::AfterCall Task::end_call(RawEnd& end, TimePoint& now) noexcept {
  now = core_.runtime().now();
  const bool failed = end.kind != RawEnd::Kind::Returned;
  FailureText text;
  FailureMemory::Room room;
  if (failed) {
    if (options_->on_exception == OnException::Shutdown) return AfterCall::Over;
    text = FailureText::of(end, now, now - series_->call_began, attempt_here());
    room = failure_room();
    series_->refused = !ask_retry_if(end, text);
    series_->asked = true;
    if (series_->refused) return AfterCall::Over;
    if (options_->retry_if) now = core_.runtime().now();
  }
  {
    Section section(*this);
    // Then it is judged as the attempt that it ends.
    if (stop_reached(strand_) || (failed && stop_begun())) return AfterCall::Over;
    plan_next_call(now);
    if (!failed) {
      ++completed_;
      streak_ = 0;
      // If nothing of the call has to be told or destroyed, the same section serves for the wait.
      if (!outbox_ && now < series_->next && !park_locked(strand_, nullptr, series_->next)) return AfterCall::Parked;
    } else if (options_->on_exception == OnException::Ignore) {
      count_failure(text, end, room, section);
      note_end(section, AttemptEnd::Failed, now, Decision::Ignore);
    } else {
      const Duration delay = options_->backoff.delay(streak_ + 1, core_.random(id_, attempt_ + failures_.count()));
      const TimePoint next = std::min(series_->next, detail::saturating_add(now, delay));
      if (!restart_allowed(next)) {
        series_->at_limit = true;
        return AfterCall::Over;
      }
      count_failure(text, end, room, section);
      ++streak_;
      series_->next = next;
      note_end(section, AttemptEnd::Failed, now, Decision::Restart, series_->next - now);
    }
    outcome_fixed_ = false;
    section.deliver_here();
  }
  deliver();
  return AfterCall::GoesOn;
}

Duration Task::call_jitter() const noexcept {
  const auto span = static_cast<std::uint64_t>(series_->spec.options.jitter.count());
  if (span == 0) return Duration::zero();
  return Duration(
      static_cast<Duration::rep>(core_.random(id_, attempt_here() * 1'000'003 + series_->index) % (span + 1)));
}

/// The first call of the schedule that is certainly not due by `now`, whatever its jitter.
std::uint64_t Task::first_call_after(TimePoint now) const noexcept {
  const TimePoint certain = now - series_->spec.options.jitter;
  if (certain < series_->base) return 0;
  return static_cast<std::uint64_t>((certain - series_->base) / series_->spec.period) + 1;
}

/// A call begins. If it is the scheduled one (and not one that restart() or a backoff put before it), it stands for all
/// that fell due by now.
void Task::take_turn(TimePoint now) noexcept {
  if (now >= series_->scheduled) series_->index = std::max(series_->index + 1, first_call_after(now));
}

/// The schedule has no drift: the n-th call is due at base + n * period, whenever the one before was made.
void Task::plan_next_call(TimePoint now) noexcept {
  Series& s = *series_;
  const std::uint64_t not_missed = first_call_after(now);
  if (s.index < not_missed && s.spec.options.overlap == Overlap::RunOnce) {
    s.next = s.scheduled = now;
    return;
  }
  s.index = std::max(s.index, not_missed);
  s.next = s.scheduled = detail::saturating_add(due_time(s.base, s.spec.period, s.index), call_jitter());
}

}  // namespace engin::detail
