// Who wakes up for the next timer. No thread, no clock.
#include "runtime/deadlines.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>

#include <gtest/gtest.h>

#include "runtime/runner_pool.h"
#include "test/runtime/job_kit.h"

namespace engin::runtime {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr TimePoint kNever = TimePoint::max();

class DeadlinesTest : public ::testing::Test {
 protected:
  struct Silent : Timer {
    Silent() : Timer([](Timer&, std::uint32_t) noexcept -> Job* { return nullptr; }) {}
  };

  void SetUp() override { deadlines_.start(); }
  static TimePoint at(Duration d) { return TimePoint(std::chrono::hours(1)) + d; }
  TimePoint scheduler_sleeps_until(TimePoint now) { return deadlines_.watch(now).until; }

  Deadlines deadlines_;
  RunnerPool pool_{{}, deadlines_};
  Runner a_{pool_, 0};
  Runner b_{pool_, 1};
  Silent first_;
  Silent second_;
};

TEST_F(DeadlinesTest, WithoutATimerNobodyWakesUp) {
  EXPECT_EQ(deadlines_.park_until(a_), kNever);
  EXPECT_EQ(scheduler_sleeps_until(at({})), kNever);
  EXPECT_EQ(deadlines_.next(), kNever);
}

TEST_F(DeadlinesTest, TheRunnerThatArmsWhatIsDueNextWakesUpForItAndTheSchedulerLooksLater) {
  deadlines_.rearm(first_, at(milliseconds(5)), 0, &a_);
  EXPECT_EQ(deadlines_.park_until(b_), kNever);
  EXPECT_EQ(deadlines_.park_until(a_), at(milliseconds(5)));
  EXPECT_EQ(scheduler_sleeps_until(at({})), at(milliseconds(5)) + Deadlines::kPatience);
}

TEST_F(DeadlinesTest, WhatAnotherThreadArmsIsTheSchedulersUntilARunnerParks) {
  deadlines_.rearm(first_, at(milliseconds(5)), 0, nullptr);
  EXPECT_EQ(scheduler_sleeps_until(at({})), at(milliseconds(5)));
  EXPECT_EQ(deadlines_.park_until(b_), at(milliseconds(5)));
  EXPECT_EQ(deadlines_.park_until(a_), kNever);
  EXPECT_EQ(scheduler_sleeps_until(at({})), at(milliseconds(5)) + Deadlines::kPatience);
}

TEST_F(DeadlinesTest, ALaterTimerChangesNothingAndAnEarlierOneAll) {
  deadlines_.rearm(first_, at(milliseconds(5)), 0, &a_);
  deadlines_.rearm(second_, at(milliseconds(6)), 0, nullptr);
  EXPECT_EQ(scheduler_sleeps_until(at({})), at(milliseconds(5)) + Deadlines::kPatience);
  deadlines_.rearm(second_, at(milliseconds(4)), 0, nullptr);
  EXPECT_EQ(scheduler_sleeps_until(at({})), at(milliseconds(4)));
}

TEST_F(DeadlinesTest, WhatIsDueAndNotLookedAtTheSchedulerFires) {
  deadlines_.rearm(first_, at(milliseconds(5)), 0, &a_);
  deadlines_.rearm(second_, at(milliseconds(9)), 0, &a_);
  const TimePoint late = at(milliseconds(5)) + Deadlines::kPatience;
  EXPECT_FALSE(deadlines_.watch(late - Duration(1)).due);
  EXPECT_TRUE(deadlines_.watch(late).due);
  deadlines_.fire_due(late, nullptr);
  EXPECT_EQ(deadlines_.pending(), 1U);
  // From now on it keeps time itself, until a runner does.
  EXPECT_EQ(scheduler_sleeps_until(late), at(milliseconds(9)));
  EXPECT_EQ(deadlines_.park_until(b_), at(milliseconds(9)));
}

TEST_F(DeadlinesTest, ARunnerThatIsBehindButAtItIsLeftAlone) {
  std::deque<Silent> many(40);  // more than are fired at a time
  for (Silent& timer : many) deadlines_.rearm(timer, at(milliseconds(5)), 0, nullptr);
  const TimePoint look = at(milliseconds(5)) + microseconds(60);
  deadlines_.fire_due(look, &a_);
  EXPECT_GT(deadlines_.pending(), 0U);
  const Deadlines::Watch watch = deadlines_.watch(at(milliseconds(5)) + Deadlines::kPatience);
  EXPECT_FALSE(watch.due);
  EXPECT_EQ(watch.until, look + Deadlines::kTrust);
}

TEST_F(DeadlinesTest, AKeeperThatEndsLeavesItToTheScheduler) {
  deadlines_.rearm(first_, at(milliseconds(5)), 0, &a_);
  deadlines_.resign(b_);  // which it is not
  EXPECT_EQ(scheduler_sleeps_until(at({})), at(milliseconds(5)) + Deadlines::kPatience);
  deadlines_.resign(a_);
  EXPECT_EQ(scheduler_sleeps_until(at({})), at(milliseconds(5)));
}

TEST_F(DeadlinesTest, WhoSleepsForACancelledTimerThenSleepsForTheNext) {
  deadlines_.rearm(first_, at(milliseconds(5)), 0, &a_);
  deadlines_.rearm(second_, at(milliseconds(9)), 0, &a_);
  EXPECT_EQ(deadlines_.park_until(a_), at(milliseconds(5)));
  EXPECT_TRUE(deadlines_.cancel(first_));
  EXPECT_EQ(deadlines_.park_until(a_), at(milliseconds(9)));
  // Earlier than that, though later than the one that was cancelled.
  deadlines_.rearm(first_, at(milliseconds(7)), 0, nullptr);
  EXPECT_EQ(scheduler_sleeps_until(at(milliseconds(5))), at(milliseconds(7)));
}

TEST_F(DeadlinesTest, ATimerForNeverWakesNobodyAndOneOfThePastIsDueAtOnce) {
  deadlines_.rearm(first_, TimePoint::max(), 0, &a_);
  EXPECT_EQ(deadlines_.park_until(a_), kNever);
  EXPECT_EQ(scheduler_sleeps_until(at({})), kNever);
  deadlines_.rearm(second_, TimePoint::min(), 0, nullptr);
  EXPECT_TRUE(deadlines_.watch(at({})).due);
  deadlines_.fire_due(at({}), nullptr);
  EXPECT_EQ(deadlines_.pending(), 1U);
  EXPECT_EQ(scheduler_sleeps_until(at({})), kNever);
}

TEST_F(DeadlinesTest, WithManyTimersTheKeeperNeverSleepsTooLong) {
  constexpr int kTimers = 3000;  // prepared ahead of time, in steps
  std::deque<Silent> many(kTimers);
  for (int i = 0; i < kTimers; ++i) {
    deadlines_.rearm(many[static_cast<std::size_t>(i)], at(milliseconds(100) + microseconds(i)), 0, &a_);
  }
  TimePoint now = at({});
  for (std::size_t left = kTimers; left > 0; left = deadlines_.pending()) {
    const TimePoint next_due = at(milliseconds(100) + microseconds(kTimers - left));  // they fire in order
    const TimePoint wakes_up = deadlines_.park_until(a_);
    ASSERT_LE(wakes_up, next_due);
    now = std::max(now, wakes_up);
    deadlines_.fire_due(now, &a_);
  }
  EXPECT_EQ(deadlines_.park_until(a_), kNever);
}

TEST_F(DeadlinesTest, OnceStoppedItFiresNothing) {
  deadlines_.rearm(first_, at({}), 0, nullptr);
  deadlines_.stop();
  EXPECT_TRUE(deadlines_.watch(at({})).stopping);
  deadlines_.fire_due(at(milliseconds(1)), &a_);
  EXPECT_EQ(deadlines_.pending(), 1U);
}

}  // namespace
}  // namespace engin::runtime
