// How each awaitable leaves the thread, and who brings the coroutine back.
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "base/exception_text.h"
#include "engin/blocking.h"
#include "engin/sleep.h"
#include "engin/suspend.h"
#include "engin/wakeup.h"
#include "supervisor/context.h"
#include "supervisor/core.h"
#include "supervisor/task.h"

namespace engin::detail {

using runtime::Lane;

std::exception_ptr take_current_exception() noexcept {
  std::exception_ptr exception = std::current_exception();
  if (base::exception_type(exception) != nullptr) return exception;
  // Not a C++ exception: a forced unwind (pthread_exit, cancellation) must not be swallowed, and cannot be passed on.
  const JobContext* job = current_job();
  std::string who = "an observer or a stop callback";
  try {
    if (job != nullptr && job->task != nullptr) who = "task '" + job->task->name() + "'";
  } catch (...) {
  }
  std::fprintf(stderr, "engin: %s ended its thread (pthread_exit or a cancellation); that ends the process\n",
               who.c_str());
  std::abort();
}

void take_current_exception(RawEnd& end) noexcept {
  end.kind = RawEnd::Kind::Threw;
  end.exception = take_current_exception();
}

/// The wait is over before it began, since stop was requested: back by way of the ready queue, so that an attempt that
/// ignores its stop lets others run.
static bool come_back_stopped(Wait& wait, Strand& strand) noexcept {
  wait.result = Wait::Result::Stopped;
  strand.task().count_cut_short(strand);
  strand.task().resume_later(strand, Lane::Ready);
  return false;
}

bool SleepAwaiter::arm_sleep(Wait& wait, Strand& strand) noexcept {
  auto& self = static_cast<SleepAwaiter&>(wait);
  Task& task = strand.task();
  wait.result = Wait::Result::TimedOut;
  if (!wait.ignore_stop && task.stop_reached(strand)) return come_back_stopped(wait, strand);
  const TimePoint now = task.core().runtime().now();
  const TimePoint until = self.relative_ ? saturating_add(now, self.when_) : TimePoint(self.when_);
  if (until <= now) {
    task.resume_later(strand, Lane::Ready);
    return false;
  }
  if (task.park(strand, &wait, until)) return come_back_stopped(wait, strand);
  return false;
}

bool YieldAwaiter::arm_yield(Wait& wait, Strand& strand) noexcept {
  Task& task = strand.task();
  if (!wait.ignore_stop && task.stop_reached(strand)) return come_back_stopped(wait, strand);
  wait.result = Wait::Result::Done;
  task.resume_later(strand, Lane::Ready);
  return false;
}

bool WakeupWait::arm_wakeup(Wait& wait, Strand& strand) noexcept {
  auto& self = static_cast<WakeupWait&>(wait);
  Task& task = strand.task();
  self.strand = &strand;
  if (!wait.ignore_stop && task.stop_reached(strand)) return come_back_stopped(wait, strand);
  const TimePoint until =
      self.timeout == Duration::max() ? TimePoint::max() : saturating_add(task.core().runtime().now(), self.timeout);
  // The wakeup's lock comes before the task's. Both are held here, so that a notify either finds the permit not yet
  // taken, or finds this waiter parked.
  const base::NoLockPoint held;
  self.wakeup.mutex_.lock();
  if (self.linked) self.wakeup.unlink(self);  // awaited before, and not woken then
  if (self.wakeup.permit_) {
    self.wakeup.permit_ = false;
    self.wakeup.mutex_.unlock();
    wait.result = Wait::Result::Done;
    return true;
  }
  wait.result = Wait::Result::Pending;  // it may have been awaited before
  Wakeup& wakeup = self.wakeup;
  self.prev = wakeup.tail_;
  self.next = nullptr;
  (wakeup.tail_ != nullptr ? wakeup.tail_->next : wakeup.head_) = &self;
  wakeup.tail_ = &self;
  self.linked = true;
  const bool stopped = task.park(strand, &wait, until, &self.epoch);
  if (stopped) wakeup.unlink(self);
  wakeup.mutex_.unlock();
  return stopped ? come_back_stopped(wait, strand) : false;
}

WakeupWait::~WakeupWait() {
  if (strand == nullptr || result == Result::Done) return;  // whoever woke it may have destroyed the wakeup since
  const std::lock_guard lock(wakeup.mutex_);
  if (linked) wakeup.unlink(*this);
}

const JobType BlockingWait::job_type{
    [](Job& job) noexcept {
      BlockingWait& wait = *static_cast<CallJob&>(job).wait;
      Strand& strand = *wait.strand;
      Task& task = strand.task();
      try {
        const std::stop_token none;
        const std::stop_token& token = wait.wants_token ? task.token_of(strand) : none;
        JobContext context{task.is_body(strand) ? JobContext::Kind::Blocking : JobContext::Kind::Hook, &task.core(),
                           &task, nullptr, task.is_body(strand) ? nullptr : &task.token_of(strand)};
        const ContextScope scope(context);
        wait.call(wait, token);
      } catch (...) {  // no memory for a token
        wait.exception = std::current_exception();
      }
      task.resume_later(strand, Lane::Ready);  // the frame, and this job in it, may be gone after this
    },
    Duration::zero(), true};

bool BlockingWait::arm_blocking(Wait& wait, Strand& strand) noexcept {
  auto& self = static_cast<BlockingWait&>(wait);
  self.strand = &strand;
  self.job.wait = &self;
  wait.result = Wait::Result::Done;
  strand.task().core().runtime().post(self.job, Lane::Ready);
  return false;
}

/// Guarded by its lock. The strand is resumed by whoever comes second: the resumer, or the arming after start().
struct SuspendState {
  std::mutex mutex;
  Strand* strand = nullptr;  // set once armed; the frame waits from then on
  bool called = false;
  bool abandoned = false;
};

SuspendWait::SuspendWait(Start start_it, Cancel cancel_it) noexcept
    : Wait(&arm_suspend, true), start(start_it), cancel(cancel_it) {}
SuspendWait::~SuspendWait() = default;

bool SuspendWait::arm_suspend(Wait& wait, Strand& strand) noexcept {
  auto& self = static_cast<SuspendWait&>(wait);
  wait.result = Wait::Result::Done;
  std::stop_token token;
  try {
    token = strand.task().token_of(strand);
    self.state = std::make_shared<SuspendState>();
    self.start(self, self.state);
  } catch (...) {
    self.exception = take_current_exception();
    if (self.state) {
      const std::lock_guard lock(self.state->mutex);
      self.state->called = true;  // a resumer that got away does nothing
    }
    return true;
  }
  const std::shared_ptr<SuspendState> state = self.state;
  {
    const std::lock_guard lock(state->mutex);
    if (state->called) return true;  // and there is nothing to cancel
  }
  self.at_stop.emplace(std::move(token), CancelAtStop{&self});
  const std::lock_guard lock(state->mutex);
  if (state->called) return true;
  state->strand = &strand;
  return false;
}

void SuspendWait::CancelAtStop::operator()() const noexcept {
  try {
    wait->cancel(*wait);
  } catch (...) {
    wait->exception = take_current_exception();  // thrown by finish(), which waits for this
  }
}

void SuspendWait::finish() {
  at_stop.reset();  // waits for a cancel that runs right now
  if (exception) std::rethrow_exception(std::exchange(exception, nullptr));
  if (state && state->abandoned) throw Abandoned();
}

}  // namespace engin::detail

namespace engin {

using detail::Wait;

namespace {

bool resume(const std::shared_ptr<detail::SuspendState>& state, bool abandoned) noexcept {
  detail::Strand* strand = nullptr;
  {
    const std::lock_guard lock(state->mutex);
    if (state->called) return false;
    state->called = true;
    state->abandoned = abandoned;
    strand = std::exchange(state->strand, nullptr);
  }
  if (strand != nullptr) strand->task().resume_from_outside(*strand);
  return true;
}

}  // namespace

Resumer::Resumer(std::shared_ptr<detail::SuspendState> state) noexcept : state_(std::move(state)) {}

Resumer& Resumer::operator=(Resumer&& other) noexcept {
  if (this != &other) {
    if (state_) resume(state_, true);
    state_ = std::move(other.state_);
  }
  return *this;
}

Resumer::~Resumer() {
  if (state_) resume(state_, true);
}

bool Resumer::operator()() noexcept {
  const std::shared_ptr<detail::SuspendState> state = std::exchange(state_, nullptr);
  return state && resume(state, false);
}

Wakeup::~Wakeup() {
  const std::lock_guard lock(mutex_);
  if (head_ == nullptr) return;
  std::fprintf(stderr, "engin: a Wakeup was destroyed while coroutines wait for it\n");
  std::abort();
}

void Wakeup::unlink(detail::WakeupWait& wait) noexcept {
  (wait.prev != nullptr ? wait.prev->next : head_) = wait.next;
  (wait.next != nullptr ? wait.next->prev : tail_) = wait.prev;
  wait.linked = false;
}

detail::WakeupWait* Wakeup::pop() noexcept {
  detail::WakeupWait* const first = head_;
  if (first != nullptr) unlink(*first);
  return first;
}

void Wakeup::notify() noexcept {
  detail::Strand* woken = nullptr;
  {
    const base::NoLockPoint held;
    const std::lock_guard lock(mutex_);
    // One that stop or its timeout has claimed is passed over: the notification is for one that still waits.
    while (detail::WakeupWait* const wait = pop()) {
      detail::Strand* const strand = wait->strand;
      if (strand->task().take_off(*strand, wait->epoch, Wait::Result::Done)) {
        woken = strand;
        break;
      }
    }
    if (woken == nullptr) permit_ = true;
  }
  // Outside the lock: the coroutine may destroy this object as soon as it runs.
  if (woken != nullptr) woken->task().resume_from_outside(*woken);
}

void Wakeup::notify_all() noexcept {
  runtime::Job* woken = nullptr;  // chained by their jobs, which stand in no queue while they are ours
  {
    const base::NoLockPoint held;
    const std::lock_guard lock(mutex_);
    runtime::Job** end = &woken;
    while (detail::WakeupWait* const wait = pop()) {
      detail::Strand* const strand = wait->strand;
      if (!strand->task().take_off(*strand, wait->epoch, Wait::Result::Done)) continue;
      strand->job.next = nullptr;
      *end = &strand->job;
      end = &strand->job.next;
    }
  }
  while (woken != nullptr) {
    detail::Strand& strand = detail::Strand::of(*woken);
    woken = woken->next;
    strand.task().resume_from_outside(strand);
  }
}

}  // namespace engin
