#include "engin/restart_limit.h"

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "policy/reachable.h"
#include "policy/restart_window.h"

namespace engin {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t huge = ~std::uint64_t{0};

TEST(RestartLimitTest, IsUnlimitedByDefault) {
  EXPECT_EQ(RestartLimit().max_restarts, std::nullopt);
  EXPECT_EQ(RestartLimit().then, OnLimit::Shutdown);
  EXPECT_TRUE(RestartLimit().validate().ok());
  EXPECT_TRUE(RestartLimit().validate(Backoff::constant(1h)).ok());
}

void expect_refused(const RestartLimit& limit, const Backoff& backoff, const std::string& message) {
  const absl::Status status = limit.validate(backoff);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(status.message()), message);
}

TEST(RestartLimitTest, RefusesNegativeTimes) {
  expect_refused({.max_restarts = 1, .window = -1s}, {}, "restart_limit.window: must not be negative, is -1 s");
  expect_refused({.window = -1s}, {}, "restart_limit.window: must not be negative, is -1 s");
  expect_refused({.then = OnLimit::CoolDown(-1s)}, {}, "restart_limit.then: CoolDown must not be negative, is -1 s");
}

TEST(RestartLimitTest, RefusesWhatCanNeverBeReachedAndShowsTheArithmetic) {
  const std::string refused = "restart_limit.max_restarts: can never be reached: at the backoff's earliest delays, ";
  expect_refused({.max_restarts = 100, .window = 1min}, Backoff::constant(1s),
                 refused + "restart 101 comes 100 s after the first or later, and the window is 60 s");
  expect_refused({.max_restarts = 6, .window = 1min}, Backoff::constant(10s),
                 refused + "restart 7 comes 60 s after the first or later, and the window is 60 s");
  expect_refused({.max_restarts = 1, .window = 0s}, Backoff::immediate(),
                 refused + "restart 2 comes 0 s after the first or later, and the window is 0 s");
  // Two runs of six, with a minute of healthy running between them, are quicker than one of twelve.
  expect_refused({.max_restarts = 11, .window = 1min}, Backoff(),
                 refused + "restart 12 comes 66.25 s after the first or later, and the window is 60 s");
  expect_refused({.max_restarts = huge, .window = 1min}, Backoff::constant(1s),
                 refused +
                     "restart 18,446,744,073,709,551,615 + 1 comes 9223372036.854775807 s after the first or "
                     "later, and the window is 60 s");
}

TEST(RestartLimitTest, AcceptsWhatCanBeReached) {
  const auto expect_accepted = [](const RestartLimit& limit, const Backoff& backoff) {
    EXPECT_EQ(limit.validate(backoff), absl::OkStatus());
  };
  expect_accepted({.max_restarts = 0, .window = 0s}, Backoff::constant(1h));  // the first failure reaches it
  expect_accepted({.max_restarts = 5}, Backoff());
  expect_accepted({.max_restarts = 10}, Backoff());  // 0.1 + 0.2 + ... + 12.8 + 15 + 15 = 55.5 s
  expect_accepted({.max_restarts = 5, .window = 1min}, Backoff::constant(10s));
  expect_accepted({.max_restarts = 6, .window = 1min + 1ns}, Backoff::constant(10s));
  expect_accepted({.max_restarts = huge}, Backoff::immediate());
  expect_accepted({.max_restarts = huge}, {.jitter = Jitter::Full});
  expect_accepted({.max_restarts = huge, .window = Duration::max()}, Backoff::constant(Duration::max()));  // for ever
  expect_accepted({.max_restarts = 1, .then = OnLimit::CoolDown(0s)}, Backoff());
  // Only the end of a schedule counts.
  expect_accepted({.max_restarts = 50, .window = 1min}, Backoff::schedule({1h, 1h, 0s}));
}

TEST(ReachableTest, BeginsAgainWhereThatIsQuicker) {
  // Healthy for a second after each failure, so that each delay is the first one: quicker than 100 times a minute.
  const Backoff backoff{.initial = 2s, .max = 1min, .multiplier = 30, .jitter = Jitter::None, .reset_after = 1s};
  EXPECT_EQ(policy::shortest_time_of(100, backoff), 100 * (1s + 2s));
  EXPECT_EQ(policy::shortest_time_of(1, backoff), 3s);
  const Backoff slow_reset{.initial = 2s, .max = 1min, .multiplier = 30, .jitter = Jitter::None, .reset_after = 1h};
  EXPECT_EQ(policy::shortest_time_of(2, slow_reset), 2min);
}

TEST(ReachableTest, APeriodicTaskIsNeverLaterThanItsNextCall) {
  EXPECT_EQ(policy::shortest_time_of(10, Backoff::constant(1min), 1s), 10s);
  EXPECT_EQ(policy::shortest_time_of(10, Backoff::constant(1ms), 1s), 10ms);
  const RestartLimit limit{.max_restarts = 10, .window = 1min};
  EXPECT_FALSE(limit.validate(Backoff::constant(1min)).ok());
  EXPECT_TRUE(policy::validate(limit, Backoff::constant(1min), 1s).ok());
}

TEST(ReachableTest, LongSchedulesAndSlowGrowthAreNeverTakenForSlowerThanTheyAre) {
  const Backoff slow{.initial = 1ns, .max = 1h, .multiplier = 1 + 1e-9, .jitter = Jitter::None};
  EXPECT_LE(policy::shortest_time_of(1'000'000, slow), 1'000'000 * 3ns);
  std::vector<Duration> delays(20'000, 1s);
  delays.back() = 0s;
  EXPECT_EQ(policy::shortest_time_of(100, Backoff::schedule(delays)), 0s);
}

// The shortest way from one restart to the n-th after it, by trying all: each failure continues the row or, after
// healthy running, begins a new one.
Duration by_trying_all(std::uint64_t n, const Backoff& backoff, std::uint64_t in_a_row) {
  if (n == 0) return Duration::zero();
  const Duration go_on = backoff.range(in_a_row + 1).earliest + by_trying_all(n - 1, backoff, in_a_row + 1);
  const Duration begin_again = backoff.reset_after + backoff.range(1).earliest + by_trying_all(n - 1, backoff, 1);
  return std::min(go_on, begin_again);
}

TEST(ReachableTest, IsTheShortestOfAllWays) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 2'000; ++i) {
    Backoff backoff{.initial = Duration(random() % 100), .max = Duration(100 + random() % 2'000)};
    backoff.multiplier = 1 + static_cast<double>(random() % 40) / 10;
    backoff.jitter = static_cast<Jitter>(random() % 3);
    backoff.reset_after = Duration(random() % 1'000);
    const std::uint64_t n = random() % 10;
    ASSERT_EQ(policy::shortest_time_of(n, backoff), by_trying_all(n, backoff, 1))
        << "initial " << backoff.initial.count() << " max " << backoff.max.count() << " multiplier "
        << backoff.multiplier << " reset " << backoff.reset_after.count() << " n " << n;
  }
}

TEST(ReachableTest, AgreesWithTheWindow) {
  std::mt19937_64 random(4);
  for (int i = 0; i < 2'000; ++i) {
    Backoff backoff{.initial = Duration(random() % 100), .max = Duration(100 + random() % 2'000), .reset_after = 1h};
    const RestartLimit limit{.max_restarts = random() % 12, .window = Duration(random() % 3'000)};
    policy::RestartWindow window;
    TimePoint now{};
    bool reached = false;
    for (std::uint64_t n = 1; n <= 40 && !reached; ++n) {
      now += backoff.range(n).earliest;
      reached = !window.allow(now, limit);
    }
    ASSERT_EQ(limit.validate(backoff).ok(), reached)
        << backoff.initial.count() << " " << backoff.max.count() << " " << *limit.max_restarts << " "
        << limit.window.count() << " " << limit.validate(backoff);
  }
}

TEST(OnLimitTest, KnowsItsKindAndRest) {
  EXPECT_EQ(OnLimit::Shutdown.kind(), OnLimit::Kind::Shutdown);
  EXPECT_EQ(OnLimit::GiveUp.kind(), OnLimit::Kind::GiveUp);
  EXPECT_EQ(OnLimit::CoolDown(5min).kind(), OnLimit::Kind::CoolDown);
  EXPECT_EQ(OnLimit::CoolDown(5min).rest(), 5min);
  EXPECT_EQ(OnLimit(), OnLimit::Shutdown);
  EXPECT_NE(OnLimit::CoolDown(1s), OnLimit::CoolDown(2s));
}

}  // namespace
}  // namespace engin
