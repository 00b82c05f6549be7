#include "policy/restart_window.h"

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <new>
#include <optional>
#include <random>

#include <gtest/gtest.h>

// ThreadSanitizer brings allocation functions of its own, which cannot be replaced.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CANNOT_REPLACE_NEW
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define CANNOT_REPLACE_NEW
#endif

namespace {

// While it is set, allocations that may fail do.
bool no_memory = false;

}  // namespace

#if !defined(CANNOT_REPLACE_NEW)
// The window asks with nothrow; what cannot be had that way is the point of these tests.
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return no_memory ? nullptr : std::malloc(size);
}
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void* operator new[](std::size_t size) {
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
#endif

namespace engin::policy {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint start{1000s};

RestartLimit limit_of(std::uint64_t n, Duration window = 1min) { return {.max_restarts = n, .window = window}; }

// The rule itself, with all the memory it wants.
class PlainWindow {
 public:
  bool would_allow(TimePoint at, const RestartLimit& limit) {
    while (!times_.empty() && at - times_.front() >= limit.window) times_.pop_front();
    return times_.size() < *limit.max_restarts;
  }
  bool allow(TimePoint at, const RestartLimit& limit) {
    if (!would_allow(at, limit)) return false;
    times_.push_back(at);
    return true;
  }
  std::uint64_t used() const { return times_.size(); }

 private:
  std::deque<TimePoint> times_;
};

TEST(RestartWindowTest, AllowsExactlyAsManyAsTheLimit) {
  for (std::uint64_t n : {0U, 1U, 2U, 3U, 5U, 8U, 9U, 31U, 32U, 33U, 100U, 4096U}) {
    RestartWindow window;
    for (std::uint64_t i = 0; i < n; ++i) {
      ASSERT_TRUE(window.allow(start + Duration(i), limit_of(n))) << i;
      ASSERT_EQ(window.used(start + Duration(i)), i + 1);
    }
    EXPECT_FALSE(window.allow(start + 59s, limit_of(n))) << n;
    EXPECT_EQ(window.used(start + 59s), n);
  }
}

TEST(RestartWindowTest, TwoRestartsExactlyAWindowApartAreNotInOneStretch) {
  RestartWindow window;
  EXPECT_TRUE(window.allow(start, limit_of(1)));
  EXPECT_FALSE(window.allow(start + 1min - 1ns, limit_of(1)));
  EXPECT_EQ(window.used(start + 1min - 1ns), 1U);
  EXPECT_EQ(window.used(start + 1min), 0U);
  EXPECT_TRUE(window.allow(start + 1min, limit_of(1)));
}

TEST(RestartWindowTest, ARefusedRestartIsNotCounted) {
  RestartWindow window;
  EXPECT_TRUE(window.allow(start, limit_of(1)));
  EXPECT_FALSE(window.allow(start + 30s, limit_of(1)));
  EXPECT_TRUE(window.allow(start + 1min, limit_of(1)));
}

TEST(RestartWindowTest, WithoutALimitNothingIsCounted) {
  RestartWindow window;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(window.allow(start, RestartLimit{}));
  EXPECT_EQ(window.used(start), 0U);
}

TEST(RestartWindowTest, AWindowOfNothingNeverFills) {
  RestartWindow window;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(window.allow(start, limit_of(1, 0s)));
  EXPECT_FALSE(window.allow(start, limit_of(0, 0s)));
}

TEST(RestartWindowTest, AWindowForEverForgetsNothing) {
  RestartWindow window;
  EXPECT_TRUE(window.allow(TimePoint::min(), limit_of(2, Duration::max())));
  EXPECT_TRUE(window.allow(start, limit_of(2, Duration::max())));
  EXPECT_FALSE(window.allow(TimePoint::max(), limit_of(2, Duration::max())));
  EXPECT_EQ(window.used(TimePoint::max()), 2U);
}

TEST(RestartWindowTest, ResetForgetsAll) {
  RestartWindow window;
  EXPECT_TRUE(window.allow(start, limit_of(1)));
  window.reset();
  EXPECT_EQ(window.used(start), 0U);
  EXPECT_TRUE(window.allow(start, limit_of(1)));
}

TEST(RestartWindowTest, TheLatestCanBeTakenBack) {
  RestartWindow window;
  window.take_back();  // nothing there
  EXPECT_TRUE(window.allow(start, limit_of(2)));
  EXPECT_TRUE(window.allow(start + 1s, limit_of(2)));
  window.take_back();
  EXPECT_EQ(window.used(start + 1s), 1U);
  EXPECT_TRUE(window.allow(start + 2s, limit_of(2)));
  EXPECT_FALSE(window.allow(start + 3s, limit_of(2)));
}

TEST(RestartWindowTest, TimeThatGoesBackCountsAsTheLatest) {
  RestartWindow window;
  EXPECT_TRUE(window.allow(start + 10s, limit_of(2)));
  EXPECT_TRUE(window.allow(start, limit_of(2)));
  EXPECT_EQ(window.used(start + 1min), 2U);
  EXPECT_EQ(window.used(start + 1min + 10s), 0U);
}

TEST(RestartWindowTest, IsExactWhileFewLieWithinTheWindow) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    std::mt19937_64 random(seed);
    const RestartLimit limit = limit_of(random() % 200);
    const std::uint64_t step = static_cast<std::uint64_t>(Duration(2min).count()) / (limit.max_restarts.value() + 1);
    RestartWindow window;
    PlainWindow plain;
    TimePoint now = start;
    for (int i = 0; i < 5'000; ++i) {
      // Ties and exact distances are where such counters go wrong.
      if (random() % 4 != 0) now += Duration(random() % step / 1'000'000'000 * 1'000'000'000);
      ASSERT_EQ(window.allow(now, limit), plain.allow(now, limit)) << seed << " " << i;
      ASSERT_EQ(window.used(now), plain.used());
    }
  }
}

TEST(RestartWindowTest, CountsAFirstBurstExactlyWhateverTheLimit) {
  constexpr std::uint64_t n = 1'000'003;
  RestartWindow window;
  for (std::uint64_t i = 0; i < n; ++i) ASSERT_TRUE(window.allow(start + Duration(i), limit_of(n))) << i;
  EXPECT_FALSE(window.allow(start + 1s, limit_of(n)));
  EXPECT_EQ(window.used(start + 1s), n);
}

TEST(RestartWindowTest, AboveItsMemoryItNeverAllowsTooManyAndRefusesAtMostAGroupEarly) {
  constexpr std::uint64_t n = 50'000;
  constexpr std::uint64_t group = 16;  // the first power of two that brings 50,000 below 4,096 groups
  const RestartLimit limit = limit_of(n);
  const Duration step = Duration(1min) / n * 3 / 4;  // a bit faster than is allowed for long
  RestartWindow window;
  PlainWindow plain;
  TimePoint now = start;
  std::uint64_t early = 0;
  for (std::uint64_t i = 0; i < 4 * n; ++i, now += step) {
    const bool right = plain.would_allow(now, limit);
    if (window.allow(now, limit)) {
      ASSERT_TRUE(right) << i;
      plain.allow(now, limit);
    } else if (right) {
      ++early;
      ASSERT_GE(plain.used() + group, n);
    }
  }
  EXPECT_GT(early, 0U);  // the price is real: otherwise this test would prove nothing
}

class WithoutMemory : public testing::Test {
 protected:
  void SetUp() override {
#if defined(CANNOT_REPLACE_NEW)
    GTEST_SKIP() << "needs an operator new of its own";
#endif
    no_memory = true;
  }
  void TearDown() override { no_memory = false; }
};

TEST_F(WithoutMemory, NoRestartGoesUncounted) {
  RestartWindow window;
  constexpr std::uint64_t n = 1'000;
  for (std::uint64_t i = 0; i < n; ++i) ASSERT_TRUE(window.allow(start + Duration(i), limit_of(n))) << i;
  EXPECT_FALSE(window.allow(start + 1s, limit_of(n)));
  EXPECT_EQ(window.used(start + 1s), n);
}

TEST_F(WithoutMemory, NeverMoreThanTheLimitWithinAnyWindow) {
  for (std::uint64_t n = 0; n < 40; ++n) {
    std::mt19937_64 random(n);
    RestartWindow window;
    PlainWindow plain;
    TimePoint now = start;
    std::uint64_t allowed = 0;
    for (int i = 0; i < 3'000; ++i, now += Duration(static_cast<Duration::rep>(random() % 4'000'000'000))) {
      if (!window.allow(now, limit_of(n))) continue;
      ++allowed;
      ASSERT_TRUE(plain.allow(now, limit_of(n))) << n << " " << i;
    }
    EXPECT_EQ(allowed > 0, n > 0);  // it goes on working, only more carefully
  }
}

TEST_F(WithoutMemory, IsExactAgainOnceTheWindowIsEmpty) {
  RestartWindow window;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(window.allow(start + Duration(i), limit_of(10)));
  no_memory = false;
  const TimePoint later = start + 2min;
  PlainWindow plain;
  for (int i = 0; i < 100; ++i) {
    const TimePoint now = later + i * 7s;
    EXPECT_EQ(window.allow(now, limit_of(10)), plain.allow(now, limit_of(10))) << i;
  }
}

}  // namespace
}  // namespace engin::policy
