#include "runtime/restart_scheduler.h"

#include <array>
#include <utility>

#include "absl/types/span.h"
#include "base/clock.h"
#include "base/this_thread.h"

namespace engin::runtime {

int RestartScheduler::start(base::Thread::Options thread) noexcept {
  {
    const base::Lock lock(mutex_);
    stopping_ = false;
  }
  return thread_.start(std::move(thread), [](void* self) { static_cast<RestartScheduler*>(self)->run(); }, this);
}

void RestartScheduler::stop() noexcept {
  {
    const base::Lock lock(mutex_);
    stopping_ = true;
    alarm_.fetch_add(1, std::memory_order_relaxed);
  }
  base::futex_wake_all(alarm_);
  thread_.join();
}

void RestartScheduler::arm(Timer& timer, TimePoint due, std::uint32_t tag) noexcept { rearm(timer, due, tag); }

bool RestartScheduler::rearm(Timer& timer, TimePoint due, std::uint32_t tag) noexcept {
  base::Lock lock(mutex_);
  const bool was_armed = queue_.cancel(timer);
  queue_.arm(timer, due, tag);
  const TimePoint wake_at = queue_.wake_at();
  if (wake_at >= sleeps_until_) return was_armed;
  sleeps_until_ = wake_at;  // so that whoever arms something next need not wake it again
  alarm_.fetch_add(1, std::memory_order_relaxed);
  lock.unlock();
  base::futex_wake_all(alarm_);
  return was_armed;
}

bool RestartScheduler::cancel(Timer& timer) noexcept {
  const base::Lock lock(mutex_);
  return queue_.cancel(timer);
}

std::size_t RestartScheduler::pending() const noexcept {
  const base::Lock lock(mutex_);
  return queue_.size();
}

void RestartScheduler::run() noexcept {
  base::this_thread::sleep_precisely();
  while (true) {
    fire_due();
    std::uint32_t alarm = 0;
    TimePoint until;
    {
      const base::Lock lock(mutex_);
      if (stopping_) return;
      until = queue_.wake_at();
      sleeps_until_ = until;
      alarm = alarm_.load(std::memory_order_relaxed);
    }
    // No alarm is lost: it is raised under the mutex, so after the load above, and then the word has changed.
    if (until > base::now()) base::futex_wait(alarm_, alarm, until);
    const base::Lock lock(mutex_);
    sleeps_until_ = TimePoint::min();
  }
}

// Fires what is due now, in batches, so that who arms or cancels waits for a batch at most.
void RestartScheduler::fire_due() noexcept {
  std::array<TimerQueue::Due, 32> due;
  std::size_t n = 0;
  do {
    const TimePoint now = base::now();
    {
      const base::Lock lock(mutex_);
      n = queue_.pop_due(now, absl::MakeSpan(due));
    }
    JobList ready;
    for (std::size_t i = 0; i < n; ++i) {
      if (Job* const job = due[i].timer->fire(*due[i].timer, due[i].tag)) ready.push(*job);
    }
    pool_.post(ready, Lane::Ready);
  } while (n == due.size());
}

}  // namespace engin::runtime
