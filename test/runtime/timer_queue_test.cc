#include "runtime/timer_queue.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace engin::runtime {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

Job* never_fires(Timer& /*timer*/, std::uint32_t /*tag*/) noexcept { return nullptr; }

TimePoint at(Duration d) { return TimePoint(d); }

struct TestTimer : Timer {
  TestTimer() : Timer(never_fires) {}
};

std::vector<std::uint32_t> pop_tags(TimerQueue& queue, TimePoint now, std::size_t max = 100) {
  std::vector<TimerQueue::Due> due(max);
  due.resize(queue.pop_due(now, absl::MakeSpan(due)));
  std::vector<std::uint32_t> tags;
  for (const auto& d : due) tags.push_back(d.tag);
  return tags;
}

using Tags = std::vector<std::uint32_t>;

TEST(TimerQueueTest, IsEmptyAtFirst) {
  TimerQueue queue;
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.next_due(), TimePoint::max());
  EXPECT_EQ(queue.wake_at(), TimePoint::max());
  EXPECT_EQ(pop_tags(queue, at(hours(1))), Tags{});
}

TEST(TimerQueueTest, FiresAtItsTimeAndNotANanosecondEarlier) {
  for (const Duration d : {Duration(1), Duration(63), Duration(64), Duration(microseconds(65)),
                           Duration(milliseconds(10)), Duration(hours(1)), Duration(hours(24 * 365 * 200))}) {
    TimerQueue queue;
    const TimePoint start = at(seconds(1234567));
    EXPECT_EQ(pop_tags(queue, start), Tags{});
    TestTimer timer;
    queue.arm(timer, start + d, 7);
    EXPECT_EQ(queue.next_due(), start + d);
    EXPECT_EQ(pop_tags(queue, start + d - nanoseconds(1)), Tags{});
    EXPECT_EQ(pop_tags(queue, start + d), Tags{7});
    EXPECT_TRUE(queue.empty());
    EXPECT_FALSE(queue.cancel(timer));
  }
}

TEST(TimerQueueTest, FiresEqualDeadlinesInTheOrderTheyWereSet) {
  TimerQueue queue;
  std::array<TestTimer, 4> timers;
  queue.arm(timers[0], at(seconds(10)), 0);
  queue.arm(timers[1], at(seconds(10)), 1);
  pop_tags(queue, at(seconds(9)));
  queue.arm(timers[2], at(seconds(10)), 2);
  pop_tags(queue, at(seconds(10) - nanoseconds(1)));
  queue.arm(timers[3], at(seconds(10)), 3);
  EXPECT_EQ(pop_tags(queue, at(seconds(11))), (Tags{0, 1, 2, 3}));
}

TEST(TimerQueueTest, ATimeThatHasPassedIsDueAtOnceAfterWhatWasDueBefore) {
  TimerQueue queue;
  pop_tags(queue, at(seconds(100)));
  std::array<TestTimer, 3> timers;
  queue.arm(timers[0], at(seconds(100)), 0);
  queue.arm(timers[1], at(seconds(50)), 1);
  queue.arm(timers[2], TimePoint::min(), 2);
  EXPECT_EQ(queue.next_due(), at(seconds(100)));
  EXPECT_EQ(pop_tags(queue, at(seconds(100))), (Tags{0, 1, 2}));
}

TEST(TimerQueueTest, ATimerForEverIsNeverDue) {
  TimerQueue queue;
  TestTimer timer;
  queue.arm(timer, TimePoint::max(), 1);
  EXPECT_EQ(pop_tags(queue, TimePoint::max() - nanoseconds(1)), Tags{});
  EXPECT_TRUE(queue.cancel(timer));
}

TEST(TimerQueueTest, HandsOutNoMoreThanThereIsRoomFor) {
  TimerQueue queue;
  std::array<TestTimer, 5> timers;
  for (std::uint32_t i = 0; i < timers.size(); ++i) queue.arm(timers[i], at(nanoseconds(100 + i)), i);
  EXPECT_EQ(pop_tags(queue, at(seconds(1)), 2), (Tags{0, 1}));
  EXPECT_EQ(queue.size(), 3U);
  EXPECT_EQ(queue.next_due(), at(nanoseconds(102)));
  EXPECT_EQ(pop_tags(queue, at(seconds(1)), 9), (Tags{2, 3, 4}));
}

TEST(TimerQueueTest, ACancelledTimerDoesNotFireAndCanBeArmedAgain) {
  TimerQueue queue;
  std::array<TestTimer, 3> timers;
  for (std::uint32_t i = 0; i < timers.size(); ++i) queue.arm(timers[i], at(milliseconds(10 + i)), i);
  EXPECT_TRUE(queue.cancel(timers[0]));
  EXPECT_FALSE(queue.cancel(timers[0]));
  EXPECT_EQ(queue.next_due(), at(milliseconds(11)));
  queue.arm(timers[0], at(milliseconds(30)), 9);
  EXPECT_EQ(pop_tags(queue, at(milliseconds(20))), (Tags{1, 2}));
  EXPECT_EQ(pop_tags(queue, at(milliseconds(30))), Tags{9});
}

// The owner sleeps until wake_at(): it must not be woken again and again for one timer far ahead.
TEST(TimerQueueTest, AnHourLongTimerAsksForFewWakeUps) {
  TimerQueue queue;
  TestTimer timer;
  TestTimer cancelled;
  TimePoint now = at(seconds(777'777));
  pop_tags(queue, now);
  queue.arm(timer, now + hours(1), 1);
  queue.arm(cancelled, now + seconds(59 * 60), 2);
  queue.cancel(cancelled);
  int wake_ups = 0;
  while (!queue.empty()) {
    ASSERT_LT(++wake_ups, 4);
    now = queue.wake_at();
    pop_tags(queue, now);
  }
  EXPECT_EQ(now, at(seconds(777'777) + hours(1)));
}

// A hundred thousand timers of one hour: they must not be moved all at once while others are due.
TEST(TimerQueueTest, ALargeSlotIsSpreadInStepsAndStaysInOrder) {
  constexpr std::uint32_t kTimers = 100'000;
  TimerQueue queue;
  TimePoint now = at(seconds(1'000));
  pop_tags(queue, now);
  std::vector<TestTimer> timers(kTimers);
  std::mt19937_64 random(42);
  std::vector<std::pair<TimePoint, std::uint32_t>> expected;
  for (std::uint32_t i = 0; i < kTimers; ++i) {
    const TimePoint due = now + hours(1) + microseconds(random() % 20'000);
    queue.arm(timers[i], due, i);
    expected.emplace_back(due, i);
  }
  std::sort(expected.begin(), expected.end());  // the tags rise in the order armed
  std::size_t next = 0;
  int idle_calls = 0;
  while (!queue.empty()) {
    const TimePoint wake = queue.wake_at();
    ASSERT_LE(wake, queue.next_due());
    now = std::max(now, wake);
    const auto tags = pop_tags(queue, now);
    if (tags.empty()) ++idle_calls;
    for (const auto tag : tags) {
      ASSERT_EQ(tag, expected[next].second);
      ASSERT_LE(expected[next].first, now);
      ++next;
    }
  }
  EXPECT_EQ(next, kTimers);
  EXPECT_GT(idle_calls, 300);
}

// Two slots being spread at once: what the outer one still holds was armed before all that is in the inner one.
TEST(TimerQueueTest, KeepsTheOrderOfEqualDeadlinesWhileALargeSlotIsHalfSpread) {
  constexpr std::uint32_t kTimers = 2000;
  TimerQueue queue;
  const TimePoint start = at(seconds(1'000));
  const TimePoint due = start + hours(1) + nanoseconds(1);
  pop_tags(queue, start);
  std::vector<TestTimer> timers(kTimers);
  for (std::uint32_t i = 0; i < kTimers; ++i) queue.arm(timers[i], due, i + 1);
  ASSERT_LT(queue.wake_at(), due);
  EXPECT_EQ(pop_tags(queue, queue.wake_at()), Tags{});
  ASSERT_LT(queue.wake_at(), due) << "the slot should have needed more than one step";

  TestTimer earlier;
  TestTimer last;
  queue.arm(last, due, kTimers + 1);
  queue.arm(earlier, due - nanoseconds(1), 0);
  Tags expected(kTimers + 2);
  std::iota(expected.begin(), expected.end(), 0U);
  EXPECT_EQ(pop_tags(queue, due, kTimers + 2), expected);
}

// Everything that the queue does, against a multimap, which keeps equal keys in the order inserted.
class TimerQueueModelTest : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  struct Slot {
    TestTimer timer;
    std::uint32_t tag = 0;
    bool armed = false;
    std::multimap<TimePoint, Slot*>::iterator where;
  };

  Duration some_duration() {
    switch (random_() % 8) {
      case 0:
        return Duration(-static_cast<Duration::rep>(random_() % 1000));
      case 1:
        return Duration(random_() % 4);
      case 2:
        return Duration(seconds(5));  // many equal ones, and enough of them to make a large slot
      case 3:
        return Duration(seconds(5)) + Duration(random_() % 3);
      default:
        return Duration(random_() >> (20 + random_() % 44));
    }
  }

  void arm(Slot& slot) {
    const TimePoint due = now_ + some_duration();
    slot.tag = ++tags_;
    slot.armed = true;
    slot.where = model_.emplace(std::max(due, now_), &slot);
    queue_.arm(slot.timer, due, slot.tag);
  }

  void cancel(Slot& slot) {
    EXPECT_EQ(queue_.cancel(slot.timer), slot.armed);
    if (slot.armed) model_.erase(slot.where);
    slot.armed = false;
  }

  void pop() {
    std::vector<TimerQueue::Due> due(1 + random_() % 50);
    const std::size_t n = queue_.pop_due(now_, absl::MakeSpan(due));
    for (std::size_t i = 0; i < n; ++i) {
      ASSERT_FALSE(model_.empty());
      Slot& expected = *model_.begin()->second;
      ASSERT_LE(model_.begin()->first, now_);
      ASSERT_EQ(due[i].timer, &expected.timer);
      ASSERT_EQ(due[i].tag, expected.tag);
      expected.armed = false;
      model_.erase(model_.begin());
    }
    if (n < due.size()) {
      ASSERT_TRUE(model_.empty() || model_.begin()->first > now_);
    }
  }

  void check() {
    ASSERT_EQ(queue_.size(), model_.size());
    ASSERT_EQ(queue_.next_due(), model_.empty() ? TimePoint::max() : model_.begin()->first);
    ASSERT_LE(queue_.wake_at(), queue_.next_due());
  }

  std::mt19937_64 random_{GetParam()};
  TimerQueue queue_;
  std::multimap<TimePoint, Slot*> model_;
  TimePoint now_ = at(seconds(random_() % 1'000'000'000));
  std::uint32_t tags_ = 0;
};

TEST_P(TimerQueueModelTest, AgreesWithAMultimap) {
  std::vector<std::unique_ptr<Slot>> slots;
  const std::size_t size = std::size_t{10} << (GetParam() % 4 * 3);
  for (std::size_t i = 0; i < size; ++i) slots.push_back(std::make_unique<Slot>());
  ASSERT_NO_FATAL_FAILURE(pop());
  for (int step = 0; step < 50'000; ++step) {
    Slot& slot = *slots[random_() % slots.size()];
    switch (random_() % 8) {
      case 0:
        now_ += Duration(random_() >> (24 + random_() % 40));
        ASSERT_NO_FATAL_FAILURE(pop());
        break;
      case 1:
        if (random_() % 4 == 0) now_ = std::max(now_, queue_.wake_at() < at(hours(1 << 20)) ? queue_.wake_at() : now_);
        ASSERT_NO_FATAL_FAILURE(pop());
        break;
      case 2:
        cancel(slot);
        break;
      default:
        if (!slot.armed) arm(slot);
    }
    if (step % 16 == 0) {
      ASSERT_NO_FATAL_FAILURE(check());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, TimerQueueModelTest, ::testing::Range<std::uint64_t>(1, 17));

}  // namespace
}  // namespace engin::runtime
