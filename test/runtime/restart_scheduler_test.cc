#include "runtime/restart_scheduler.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <numeric>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/runner_pool.h"
#include "test/runtime/job_kit.h"

namespace engin::runtime {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

class RestartSchedulerTest : public ::testing::Test {
 protected:
  struct TestTimer : Timer {
    explicit TestTimer(RestartSchedulerTest* t) : Timer(&TestTimer::fired), test(t) {}
    static Job* fired(Timer& timer, std::uint32_t tag) noexcept {
      auto& self = static_cast<TestTimer&>(timer);
      {
        const std::lock_guard lock(self.test->mutex_);
        self.test->fired_.push_back(tag);
        self.fired_at = Clock::now();
      }
      self.test->count_.add();
      return nullptr;
    }
    RestartSchedulerTest* test;
    TimePoint fired_at{};
  };

  void SetUp() override { ASSERT_EQ(scheduler_.start({.name = "timer"}), 0); }
  void TearDown() override { scheduler_.stop(); }
  std::vector<std::uint32_t> fired() {
    const std::lock_guard lock(mutex_);
    return fired_;
  }

  Deadlines deadlines_;
  RunnerPool pool_{{}, deadlines_};
  RestartScheduler scheduler_{deadlines_, pool_};
  Count count_;

 private:
  std::mutex mutex_;
  std::vector<std::uint32_t> fired_;
};

TEST_F(RestartSchedulerTest, FiresInOrderOfDueTimesAndNeverEarly) {
  std::deque<TestTimer> timers;
  const TimePoint start = Clock::now();
  for (std::uint32_t i = 0; i < 5; ++i) {
    deadlines_.rearm(timers.emplace_back(this), start + milliseconds(20 - 4 * static_cast<int>(i)), i, nullptr);
  }
  ASSERT_TRUE(count_.reaches(5));
  EXPECT_EQ(fired(), (std::vector<std::uint32_t>{4, 3, 2, 1, 0}));
  for (int i = 0; i < 5; ++i) EXPECT_GE(timers[static_cast<std::size_t>(i)].fired_at, start + milliseconds(20 - 4 * i));
}

TEST_F(RestartSchedulerTest, AnEarlierDeadlineWakesTheThread) {
  TestTimer late(this);
  TestTimer early(this);
  deadlines_.rearm(late, Clock::now() + hours(1), 1, nullptr);
  deadlines_.rearm(early, Clock::now() + milliseconds(5), 2, nullptr);
  ASSERT_TRUE(count_.reaches(1));
  EXPECT_EQ(fired(), std::vector<std::uint32_t>{2});
  EXPECT_TRUE(deadlines_.cancel(late));
}

TEST_F(RestartSchedulerTest, ACancelledTimerDoesNotFire) {
  TestTimer cancelled(this);
  TestTimer other(this);
  deadlines_.rearm(cancelled, Clock::now() + milliseconds(20), 1, nullptr);
  deadlines_.rearm(other, Clock::now() + milliseconds(25), 2, nullptr);
  EXPECT_TRUE(deadlines_.cancel(cancelled));
  EXPECT_FALSE(deadlines_.cancel(cancelled));
  ASSERT_TRUE(count_.reaches(1));
  EXPECT_EQ(fired(), std::vector<std::uint32_t>{2});
}

TEST_F(RestartSchedulerTest, CancellingAfterItFiredSaysSo) {
  TestTimer timer(this);
  deadlines_.rearm(timer, TimePoint::min(), 1, nullptr);
  ASSERT_TRUE(count_.reaches(1));
  EXPECT_FALSE(deadlines_.cancel(timer));
  deadlines_.rearm(timer, Clock::now(), 2, nullptr);
  ASSERT_TRUE(count_.reaches(2));
  EXPECT_EQ(fired(), (std::vector<std::uint32_t>{1, 2}));
}

TEST_F(RestartSchedulerTest, FireMayArmAgain) {
  struct Periodic : Timer {
    explicit Periodic(Deadlines* d, Count* c) : Timer(&Periodic::fired), deadlines(d), count(c) {}
    static Job* fired(Timer& timer, std::uint32_t tag) noexcept {
      auto& self = static_cast<Periodic&>(timer);
      if (tag > 0) self.deadlines->rearm(self, self.due + milliseconds(1), tag - 1, nullptr);
      self.count->add();
      return nullptr;
    }
    Deadlines* deadlines;
    Count* count;
  };
  Periodic timer(&deadlines_, &count_);
  deadlines_.rearm(timer, Clock::now(), 9, nullptr);
  ASSERT_TRUE(count_.reaches(10));
  EXPECT_EQ(deadlines_.pending(), 0U);
}

TEST_F(RestartSchedulerTest, HandsTheJobsOfTimersThatAreDueTogetherToThePoolInTheirOrder) {
  struct Ran : Job {
    Ran(const JobType& t, std::vector<int>* o, int at) : Job(t), order(o), index(at) {}
    static void run(Job& job) noexcept {
      auto& self = static_cast<Ran&>(job);
      self.order->push_back(self.index);
    }
    std::vector<int>* order;
    int index;
  };
  struct Poster : Timer {
    explicit Poster(Job* j) : Timer(&Poster::fired), job(j) {}
    static Job* fired(Timer& timer, std::uint32_t /*tag*/) noexcept { return static_cast<Poster&>(timer).job; }
    Job* job;
  };
  const JobType type{&Ran::run, milliseconds(1)};
  constexpr int kTimers = 100;  // more than one batch
  std::vector<int> order;
  std::deque<Ran> jobs;
  std::deque<Poster> timers;
  const TimePoint due = Clock::now() + milliseconds(20);
  for (int i = 0; i < kTimers; ++i) {
    deadlines_.rearm(timers.emplace_back(&jobs.emplace_back(type, &order, i)), due, 0, nullptr);
  }
  ASSERT_TRUE(eventually([&] { return pool_.ready().all == kTimers; }));
  while (pool_.run_one()) {
  }
  std::vector<int> expected(kTimers);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(order, expected);
}

// Each timer is armed due in a moment and cancelled at about that moment: it either fires or was cancelled, never both.
TEST_F(RestartSchedulerTest, EitherFiresOrIsCancelledWhenBothComeAtOnce) {
  struct Racer : Timer {
    Racer() : Timer(&Racer::fired) {}
    static Job* fired(Timer& timer, std::uint32_t /*tag*/) noexcept {
      static_cast<Racer&>(timer).fires.fetch_add(1);
      return nullptr;
    }
    std::atomic<int> fires{0};
  };
  constexpr int kRounds = 2000;
  std::deque<Racer> racers(kRounds);
  int cancelled = 0;
  for (int i = 0; i < kRounds; ++i) {
    Racer& racer = racers[static_cast<std::size_t>(i)];
    const TimePoint due = Clock::now() + std::chrono::microseconds(30);
    deadlines_.rearm(racer, due, 0, nullptr);
    while (Clock::now() < due + std::chrono::nanoseconds(200 * (i % 200))) {
    }
    const bool won = deadlines_.cancel(racer);
    cancelled += won ? 1 : 0;
    if (!won) {
      ASSERT_TRUE(eventually([&] { return racer.fires.load() == 1; }));
    }
  }
  int fires = 0;
  for (const Racer& racer : racers) fires += racer.fires.load();
  EXPECT_EQ(fires + cancelled, kRounds);
}

TEST_F(RestartSchedulerTest, SleepsWhileNothingIsDue) {
  std::deque<TestTimer> timers;
  for (std::uint32_t i = 0; i < 1000; ++i)
    deadlines_.rearm(timers.emplace_back(this), Clock::now() + hours(1), i, nullptr);
  // This thread waits, the scheduler wakes up for this timer, and little else.
  const auto stretch = [&] {
    TestTimer end(this);
    const int before = count_.value();
    deadlines_.rearm(end, Clock::now() + milliseconds(200), 0, nullptr);
    return count_.reaches(before + 1);
  };
  EXPECT_TRUE(falls_quiet(stretch, 4));
  for (auto& timer : timers) EXPECT_TRUE(deadlines_.cancel(timer));
}

TEST_F(RestartSchedulerTest, ShortTimersAreOnTimeBesideAMillionPendingOnesThatAreCancelled) {
  struct Quiet : Timer {
    Quiet() : Timer([](Timer&, std::uint32_t) noexcept -> Job* { return nullptr; }) {}
  };
  constexpr std::size_t kTimers = 1'000'000;
  std::vector<Quiet> pending(kTimers);
  std::atomic<bool> done{false};
  std::vector<Duration> lateness;
  std::thread ticker([&] {
    while (!done.load()) {
      TestTimer timer(this);
      Count& count = count_;
      const int before = count.value();
      const TimePoint due = Clock::now() + milliseconds(10);
      deadlines_.rearm(timer, due, 0, nullptr);
      if (!count.reaches(before + 1)) break;
      lateness.push_back(timer.fired_at - due);
    }
  });
  const TimePoint start = Clock::now();
  for (std::size_t i = 0; i < kTimers; ++i) {
    deadlines_.rearm(pending[i], start + hours(1) + Duration(static_cast<Duration::rep>(i * 7919 % kTimers)), 0,
                     nullptr);
  }
  const TimePoint armed = Clock::now();
  std::size_t cancelled = 0;
  for (auto& timer : pending) cancelled += deadlines_.cancel(timer) ? 1U : 0U;
  const TimePoint end = Clock::now();
  done.store(true);
  ticker.join();
  EXPECT_EQ(cancelled, kTimers);
  ASSERT_FALSE(lateness.empty());
  std::sort(lateness.begin(), lateness.end());
  RecordProperty("arm_ms", static_cast<int>((armed - start) / milliseconds(1)));
  RecordProperty("cancel_ms", static_cast<int>((end - armed) / milliseconds(1)));
  // Generous: machines that run tests are busy. The figures are in bench/.
  EXPECT_LT(end - armed, seconds(5));
  EXPECT_LT(lateness[lateness.size() / 2], milliseconds(500));
}

}  // namespace
}  // namespace engin::runtime
