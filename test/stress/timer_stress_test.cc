// Timers against the moment in which their thread goes to sleep.
#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "base/futex.h"
#include "runtime/restart_scheduler.h"

namespace engin::runtime {
namespace {

using namespace std::chrono_literals;

struct Bell : Timer {
  Bell() : Timer(&Bell::ring) {}
  static Job* ring(Timer& timer, std::uint32_t) noexcept {
    auto& self = static_cast<Bell&>(timer);
    self.rung.fetch_add(1);
    base::futex_wake_all(self.rung);
    return nullptr;
  }
  bool await(std::uint32_t n, TimePoint deadline) {
    for (std::uint32_t seen = rung.load(); seen < n; seen = rung.load()) {
      if (!base::futex_wait(rung, seen, deadline)) return rung.load() >= n;
    }
    return true;
  }
  base::FutexWord rung{0};
};

TEST(TimerStressTest, OneArmedWhileTheSchedulerGoesToSleepIsNotLate) {
  Deadlines deadlines;
  RunnerPool pool({}, deadlines);
  RestartScheduler scheduler(deadlines, pool);
  ASSERT_EQ(scheduler.start({.name = "timers"}), 0);
  Bell far, first, second;
  deadlines.rearm(far, Clock::now() + 1h, 0, nullptr);
  const TimePoint end = Clock::now() + 2s;
  std::uint32_t rounds = 0;
  while (Clock::now() < end) {
    ++rounds;
    deadlines.rearm(first, Clock::now(), 0, nullptr);
    // It has rung, and its thread is on its way back to sleep, until the far one is due.
    while (first.rung.load() < rounds) std::this_thread::yield();
    const TimePoint armed = Clock::now();
    for (std::uint32_t i = 0; i < rounds % 64; ++i) (void)Clock::now();
    deadlines.rearm(second, armed + 1us, 0, nullptr);
    ASSERT_TRUE(second.await(rounds, armed + 10s)) << "round " << rounds;
  }
  scheduler.stop();
}

}  // namespace
}  // namespace engin::runtime
