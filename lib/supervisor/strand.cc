#include "supervisor/strand.h"

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
  finished_ = false;
  cut_short = 0;
}

bool Strand::run_frames() noexcept {
  for (;;) {
    std::exchange(next_, nullptr).resume();
    if (finished_) return true;
    if (Wait* const wait = std::exchange(noted_, nullptr)) {
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
  return hook_->expired;
}

bool Task::park(Strand& strand, Wait* wait, TimePoint due, std::uint32_t* epoch) noexcept {
  const base::Lock lock(mutex);
  if ((wait == nullptr || !wait->ignore_stop) && stop_reached(strand)) return true;
  if (wait == nullptr) {
    if (series_->call_now) return true;
    due_ = due;
  }
  strand.parked = true;
  strand.waits_on = wait;
  ++strand.epoch;
  if (epoch != nullptr) *epoch = strand.epoch;
  if (due != TimePoint::max()) {
    ref();
    core_.runtime().arm(strand.timer, due, strand.epoch);
  }
  return false;
}

bool Task::take_off(Strand& strand, std::uint32_t epoch, Wait::Result result) noexcept {
  const base::Lock lock(mutex);
  if (!strand.parked || strand.epoch != epoch) return false;
  strand.parked = false;
  if (strand.waits_on != nullptr) strand.waits_on->result = result;
  drop_timer(strand);
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
  strand.parked = false;
  drop_timer(strand);
  return true;
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

void Task::drop_timer(Strand& strand) {
  if (core_.runtime().cancel(strand.timer)) unref();
}

void Task::strand_due(runtime::Timer& timer, std::uint32_t epoch) noexcept {
  Strand& strand = Strand::of(timer);
  Task& task = strand.task();
  bool resume = false;
  {
    Section section(task);
    if (strand.epoch == epoch) {
      if (strand.parked) {
        strand.parked = false;
        if (strand.waits_on != nullptr) strand.waits_on->result = Wait::Result::TimedOut;
        resume = true;
      } else if (&strand == &task.strand_ &&
                 (task.state_ == TaskState::Backoff || task.state_ == TaskState::CoolingDown) &&
                 !task.core_.shutting_down()) {
        task.schedule(task.core_.runtime().now(), section);
      }
    }
  }
  if (resume) task.resume_later(strand, runtime::Lane::Ready);
  task.unref();  // frees memory at most: what is the user's went when the task was disposed of
}

}  // namespace engin::detail
