#include "supervisor/strand.h"

#include <algorithm>
#include <utility>

#include "engin/errors.h"
#include "supervisor/context.h"
#include "supervisor/core.h"
#include "supervisor/task.h"

namespace engin::detail {

namespace {

Strand& strand_here(const char* what) {
  JobContext* job = current_job();
  if (job == nullptr || job->strand == nullptr) {
    throw NotInTask(std::string("engin: ") + what + " outside a supervised coroutine");
  }
  return *job->strand;
}

}  // namespace

void continue_with(std::coroutine_handle<> next) { strand_here("co_await of an engin::Co").continue_with(next); }

void root_finished() noexcept { current_job()->strand->finish_root(); }

void leave(Wait& wait, std::coroutine_handle<> frame) {
  Strand& strand = strand_here("co_await of an engin awaitable");
  wait.frame = frame;
  strand.note(wait);
}

void take_root_end(PromiseBase& promise, absl::Status* status, RawEnd& end) noexcept {
  if (promise.exception) {
    end.kind = RawEnd::Kind::Threw;
    end.exception = std::exchange(promise.exception, nullptr);
  } else if (status != nullptr && !status->ok()) {
    end.kind = RawEnd::Kind::Failed;
    end.status = std::move(*status);
  }
}

void Strand::begin(PromiseBase& root) noexcept {
  root_ = &root;
  next_ = root.self;
  purpose = Purpose::Resume;
  cut_short = 0;
}

bool Strand::run_frames() noexcept {
  for (;;) {
    waits_on = nullptr;
    std::exchange(next_, nullptr).resume();
    if (purpose == Purpose::Over) return true;
    if (Wait* const wait = waits_on) {
      // Set first: once the wait is armed, whoever claims it resumes from here.
      next_ = wait->frame;
      if (!wait->arm(*wait, *this)) return false;
    }
  }
}

void Strand::take_end(RawEnd& end) noexcept {
  PromiseBase& root = *std::exchange(root_, nullptr);
  root.take_root(root, end);
  root.self.destroy();
}

bool Task::stop_reached(const Strand& strand) const noexcept {
  if (is_body(strand)) return stop_requested_.load(std::memory_order_acquire);
  return hook_->expired.load(std::memory_order_acquire);
}

bool Task::park(Strand& strand, Wait* wait, TimePoint due, std::uint32_t* epoch) noexcept {
  const base::Lock lock(mutex);
  const bool parked = !park_locked(strand, wait, due);
  if (parked && epoch != nullptr) *epoch = strand.epoch;
  return !parked;
}

bool Task::park_locked(Strand& strand, Wait* wait, TimePoint due) noexcept {
  if ((wait == nullptr || !wait->ignore_stop) && stop_reached(strand)) return true;
  if (wait == nullptr && series_->call_now) return true;
  strand.parked = true;
  strand.waits_on = wait;
  ++strand.epoch;
  strand.wait_due = due;
  set_timer(strand);
  return false;
}

bool Task::take_off(Strand& strand, std::uint32_t epoch, Wait::Result result) noexcept {
  const base::Lock lock(mutex);
  if (!strand.parked || strand.epoch != epoch) return false;
  if (strand.waits_on != nullptr) strand.waits_on->result = result;
  unpark(strand);
  return true;
}

void Task::cut_short(Strand& strand) noexcept {
  {
    const base::Lock lock(mutex);
    if (!end_wait(strand)) return;
  }
  resume_later(strand, runtime::Lane::Ready);
}

bool Task::end_wait(Strand& strand) noexcept {
  if (!strand.parked || !stop_reached(strand)) return false;
  if (strand.waits_on != nullptr) {
    if (strand.waits_on->ignore_stop) return false;
    strand.waits_on->result = Wait::Result::Stopped;
  }
  unpark(strand);
  return true;
}

void Task::unpark(Strand& strand) {
  strand.parked = false;
  strand.wait_due = TimePoint::max();
  set_timer(strand);
}

void Task::resume_later(Strand& strand, runtime::Lane lane) noexcept {
  strand.purpose = Strand::Purpose::Resume;
  core_.runtime().post(strand.job, lane);
}

void Task::resume_from_outside(Strand& strand) noexcept {
  ref();
  resume_later(strand, runtime::Lane::Ready);
  unref();
}

void Task::count_cut_short(Strand& strand) noexcept {
  constexpr std::uint16_t ReportedAt = 1000;
  if (strand.cut_short == ReportedAt) return;
  ++strand.cut_short;
  if (strand.cut_short != ReportedAt) return;
  Section section(*this);
  const StopReason reason = stop_reason_;
  note(section, EventKind::StopIgnored, core_.runtime().now(), [&](Event& e) { e.reason = reason; });
}

const std::stop_token& Task::token_of(const Strand& strand) { return is_body(strand) ? token() : hook_->token; }

const std::stop_token& Task::token() {
  if (token_.stop_possible()) return token_;
  std::stop_source source;
  const base::Lock lock(mutex);
  if (stop_requested_.load(std::memory_order_relaxed)) source.request_stop();  // nobody has a callback on it yet
  stop_source_ = std::move(source);
  return token_ = stop_source_.get_token();
}

/// One timer stands for both times of a strand. While it is armed it holds a reference.
void Task::set_timer(Strand& strand) {
  const TimePoint due = std::min(strand.wait_due, strand.limit);
  if (strand.timer_armed ? strand.timer.due == due : due == TimePoint::max()) return;
  runtime::Runtime& runtime = core_.runtime();
  strand.timer_armed = due != TimePoint::max();
  // The caller holds a reference, so it does not matter in which order these come and go. What fires just now gives
  // back its own.
  if (!strand.timer_armed) {
    if (runtime.cancel(strand.timer)) unref();
  } else if (!runtime.rearm(strand.timer, due, strand.timer.tag + 1)) {
    ref();
  }
}

void Task::set_limit(Strand& strand, TimePoint due) {
  strand.limit = due;
  set_timer(strand);
}

runtime::Job* Task::strand_due(runtime::Timer& timer, std::uint32_t tag) noexcept {
  Strand& strand = Strand::of(timer);
  Task& task = strand.task();
  bool ready = false;
  {
    Section section(task);
    if (strand.timer_armed && timer.tag == tag) {  // else it has been set anew meanwhile
      strand.timer_armed = false;
      if (strand.wait_due <= timer.due) ready = task.wait_is_over(strand, section);
      if (strand.limit <= timer.due) {
        strand.limit = TimePoint::max();
        const TimePoint now = task.core_.runtime().now();
        task.is_body(strand) ? task.body_overdue(now, section) : task.hook_overdue(now, section);
      }
      task.set_timer(strand);
    }
  }
  task.unref();                          // frees memory at most: what is the user's went when the task was disposed of
  return ready ? &strand.job : nullptr;  // whose attempt or hook, or that it is queued, holds another reference
}

/// True: the caller puts the strand's job into the ready queue.
bool Task::wait_is_over(Strand& strand, Section& section) {
  strand.wait_due = TimePoint::max();
  if (strand.parked) {
    strand.parked = false;
    strand.purpose = Strand::Purpose::Resume;
    if (strand.waits_on != nullptr) strand.waits_on->result = Wait::Result::TimedOut;
    return true;
  }
  const bool rests = state_ == TaskState::Backoff || state_ == TaskState::CoolingDown;
  return rests && !core_.shutting_down() && make_ready(core_.runtime().now(), section);
}

}  // namespace engin::detail
