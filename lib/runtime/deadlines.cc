#include "runtime/deadlines.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/types/span.h"

namespace engin::runtime {

bool Deadlines::rearm(Timer& timer, TimePoint due, std::uint32_t tag, const Runner* here) noexcept {
  base::Lock lock(mutex_);
  const bool was_armed = queue_.cancel(timer);
  queue_.arm(timer, due, tag);
  if (queue_.wake_at() >= next()) return was_armed;
  publish_next();
  keeper_ = here;
  if (!hasten_watch()) return was_armed;
  lock.unlock();
  base::futex_wake_all(alarm_);
  return was_armed;
}

bool Deadlines::cancel(Timer& timer) noexcept {
  const base::Lock lock(mutex_);
  return queue_.cancel(timer);  // who sleeps until then wakes up in vain
}

std::size_t Deadlines::pending() const noexcept {
  const base::Lock lock(mutex_);
  return queue_.size();
}

JobList Deadlines::fire_due(TimePoint now, const Runner* by) noexcept {
  JobList ready;
  std::array<TimerQueue::Due, 32> due;  // a batch: who arms or cancels waits no longer than for that
  std::size_t n = 0;
  {
    const base::Lock lock(mutex_);
    if (stopping_) return ready;
    n = queue_.pop_due(now, absl::MakeSpan(due));
    publish_next();
    keeper_ = by;
    looked_at_ = std::max(looked_at_, now);
    firing_.fetch_add(1, std::memory_order_relaxed);
  }
  for (std::size_t i = 0; i < n; ++i) {
    if (Job* const job = due[i].timer->fire(*due[i].timer, due[i].tag)) ready.push(*job);
  }
  if (firing_.fetch_sub(1, std::memory_order_release) == (kAwaited | 1)) base::futex_wake_all(firing_);
  return ready;
}

TimePoint Deadlines::park_until(const Runner& runner) noexcept {
  if (next() == TimePoint::max()) return TimePoint::max();  // who arms one does not count on a runner that sleeps
  const base::Lock lock(mutex_);
  if (keeper_ == nullptr) keeper_ = &runner;
  if (keeper_ != &runner || stopping_) return TimePoint::max();
  publish_next();
  return next();
}

void Deadlines::resign(const Runner& runner) noexcept {
  base::Lock lock(mutex_);
  if (keeper_ != &runner) return;
  keeper_ = nullptr;
  if (!hasten_watch()) return;
  lock.unlock();
  base::futex_wake_all(alarm_);
}

void Deadlines::publish_next() noexcept {
  next_.store(queue_.wake_at().time_since_epoch().count(), std::memory_order_relaxed);
}

// --- The watch. ---

TimePoint Deadlines::latest_watch() const noexcept {
  if (keeper_ == nullptr || next() == TimePoint::max()) return next();
  return std::max(detail::saturating_add(next(), kPatience), looked_at_ + kTrust);
}

bool Deadlines::hasten_watch() noexcept {
  const TimePoint latest = latest_watch();
  if (latest >= watch_until_) return false;
  watch_until_ = latest;  // so that whoever comes next need not wake it again
  alarm_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

Deadlines::Watch Deadlines::watch(TimePoint now) noexcept {
  const base::Lock lock(mutex_);
  watch_until_ = latest_watch();
  return {.stopping = stopping_,
          .due = watch_until_ <= now,
          .until = watch_until_,
          .alarm = alarm_.load(std::memory_order_relaxed)};
}

// No alarm is lost: it is raised under the mutex, so after the load in watch(), and then the word has changed.
void Deadlines::sleep(const Watch& watch) noexcept {
  base::futex_wait(alarm_, watch.alarm, watch.until);
  const base::Lock lock(mutex_);
  watch_until_ = TimePoint::min();
}

void Deadlines::start() noexcept {
  const base::Lock lock(mutex_);
  stopping_ = false;
  firing_.store(0, std::memory_order_relaxed);
}

void Deadlines::stop() noexcept {
  {
    const base::Lock lock(mutex_);
    if (!std::exchange(stopping_, true)) firing_.fetch_add(kAwaited, std::memory_order_relaxed);
    alarm_.fetch_add(1, std::memory_order_relaxed);
  }
  base::futex_wake_all(alarm_);
  for (std::uint32_t firing; (firing = firing_.load(std::memory_order_acquire)) != kAwaited;) {
    base::futex_wait(firing_, firing, TimePoint::max());
  }
}

}  // namespace engin::runtime
