#include "runtime/growth_monitor.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"

namespace engin::runtime {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Between looks: at first, and while nothing moves, as soon as a plain callable can be captured; more slowly while jobs
// come and go, and slowly when all that can be done is done.
constexpr Duration kFastPace = microseconds(200);
constexpr Duration kMovingPace = milliseconds(1);
constexpr Duration kStarvingPace = milliseconds(10);
constexpr Duration kFirstRetry = milliseconds(10);
constexpr Duration kLastRetry = seconds(1);
// It is cheaper to look twice in vain than to be woken once more.
constexpr int kQuietLooks = 2;
// Threads for stop jobs are started a few per look.
constexpr std::size_t kStopWave = 8;

}  // namespace

int GrowthMonitor::start(Listener& listener, base::Thread::Options thread) noexcept {
  listener_ = &listener;
  pace_ = kFastPace;
  stopping_.store(false, std::memory_order_relaxed);
  return thread_.start(std::move(thread), [](void* self) { static_cast<GrowthMonitor*>(self)->run(); }, this);
}

void GrowthMonitor::stop() noexcept {
  stopping_.store(true, std::memory_order_release);
  pool_.alarm().ring();
  thread_.join();
}

void GrowthMonitor::run() noexcept {
  Alarm& alarm = pool_.alarm();
  while (true) {
    const std::uint32_t round = alarm.round();
    if (stopping_.load(std::memory_order_acquire)) return;
    const TimePoint next_look = look(base::now());
    if (next_look == TimePoint::max()) {
      // Said first, then looked: see RunnerPool.
      alarm.set_asleep(true);
      if (pool_.any_ready()) {
        alarm.set_asleep(false);
        continue;
      }
      pace_ = kFastPace;
      quiet_looks_ = 0;
    }
    alarm.wait(round, next_look);
    alarm.set_asleep(false);
  }
}

// When to look again; max if no job waits.
TimePoint GrowthMonitor::look(TimePoint now) noexcept {
  const Seen seen = look_at_runners(now);
  const RunnerPool::Ready ready = pool_.ready();
  if (ready.all == 0) {
    said_starving_ = false;
    starving_.store(false, std::memory_order_relaxed);
    return quiet_looks_++ < kQuietLooks ? now + kMovingPace : TimePoint::max();
  }
  quiet_looks_ = 0;
  if (seen.jobs_to_give) pool_.wake_if_all_idle();
  pace_ = seen.moved ? std::min(2 * pace_, kMovingPace) : kFastPace;
  if (seen.others == 0 && !pool_.someone_free()) {
    relieve(ready, seen, now);
  } else {
    starving_.store(false, std::memory_order_relaxed);
  }
  return now + pace_;
}

GrowthMonitor::Seen GrowthMonitor::look_at_runners(TimePoint now) noexcept {
  Seen seen;
  pool_.for_each_runner([&](Runner& runner) {
    const std::uint64_t before = runner.record.sequence();
    const bool captured = runner.record.look(
        runner.view(), now, [&] { return activity_of(runner.thread_id.load(std::memory_order_relaxed)); });
    seen.moved |= runner.record.sequence() != before;
    runner.note_captured(captured);
    ++(captured ? seen.captured : seen.others);
    // It will not come back for what it has in its own queue.
    if (captured && runner.local.size() > 0) pool_.share_jobs_of(runner);
    seen.jobs_to_give |= runner.has_jobs_to_give();
  });
  return seen;
}

// Jobs wait, and every runner is captured.
void GrowthMonitor::relieve(RunnerPool::Ready ready, const Seen& seen, TimePoint now) noexcept {
  auto growth = RunnerPool::Growth::Refused;
  if (now >= retry_at_) {
    // As many again as there are: the pool doubles.
    growth = pool_.grow(std::min(ready.all, static_cast<std::size_t>(std::max(seen.captured, 1))));
  }
  switch (growth) {
    case RunnerPool::Growth::Started:
      said_starving_ = false;
      retry_delay_ = Duration::zero();
      break;
    case RunnerPool::Growth::Unneeded:
      break;
    case RunnerPool::Growth::Full:
    case RunnerPool::Growth::Refused:
      starve(ready, growth, now);
      return;
  }
  starving_.store(false, std::memory_order_relaxed);
}

void GrowthMonitor::starve(RunnerPool::Ready ready, RunnerPool::Growth why, TimePoint now) noexcept {
  const bool refused = why == RunnerPool::Growth::Refused;
  if (refused && now >= retry_at_) {
    retry_delay_ = std::clamp(2 * retry_delay_, kFirstRetry, kLastRetry);
    retry_at_ = now + retry_delay_;
  }
  if (ready.stop > 0) {
    const auto growth = refused ? why : pool_.grow_for_stop_jobs(std::min(ready.stop, kStopWave));
    if (growth == RunnerPool::Growth::Started) {
      pace_ = kFastPace;
      return;
    }
    control_.help_with_stop_jobs();
  }
  // Twice as long after each look in a row that could do nothing.
  const bool starved_before = starving_.load(std::memory_order_relaxed);
  starving_pace_ = starved_before ? std::min(2 * starving_pace_, kStarvingPace) : kFastPace;
  pace_ = starving_pace_;
  starving_.store(true, std::memory_order_relaxed);
  if (!std::exchange(said_starving_, true)) listener_->starving(ready.all, refused);
}

}  // namespace engin::runtime
