#include "engin/backoff.h"

#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace engin {

static void PrintTo(const Backoff::Range& range, std::ostream* out) {
  *out << "[" << range.earliest.count() << ", " << range.latest.count() << "] ns";
}

namespace {

using namespace std::chrono_literals;
using Range = Backoff::Range;

constexpr std::uint64_t huge = ~std::uint64_t{0};
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

TEST(BackoffTest, DoublesFromATenthOfASecondToThirtySecondsByDefault) {
  const std::vector<Range> expected = {{50ms, 100ms},      {100ms, 200ms},   {200ms, 400ms},   {400ms, 800ms},
                                       {800ms, 1600ms},    {1600ms, 3200ms}, {3200ms, 6400ms}, {6400ms, 12800ms},
                                       {12800ms, 25600ms}, {15s, 30s},       {15s, 30s}};
  EXPECT_EQ(Backoff().preview(11), expected);
}

TEST(BackoffTest, JitterDecidesTheRange) {
  struct Case {
    Jitter jitter;
    Range range;
  };
  for (const Case& c : {Case{Jitter::Equal, {500ms, 1s}}, {Jitter::Full, {0s, 1s}}, {Jitter::None, {1s, 1s}}}) {
    EXPECT_EQ((Backoff{.initial = 1s, .jitter = c.jitter}.range(1)), c.range);
  }
}

TEST(BackoffTest, IsExactAtAnyAttemptNumber) {
  const Backoff backoff{.initial = 1ns, .max = Duration::max(), .multiplier = 2, .jitter = Jitter::None};
  for (int n = 1; n <= 63; ++n) {
    EXPECT_EQ(backoff.range(static_cast<std::uint64_t>(n)).latest.count(), std::int64_t{1} << (n - 1)) << n;
  }
  for (std::uint64_t n : {std::uint64_t{64}, std::uint64_t{65}, std::uint64_t{1} << 31, std::uint64_t{1} << 32,
                          std::uint64_t{1} << 63, huge}) {
    EXPECT_EQ(backoff.range(n).latest, Duration::max()) << n;
  }
  EXPECT_EQ(Backoff().range(std::uint64_t{1} << 31), (Range{15s, 30s}));
}

TEST(BackoffTest, IsExactAtTheLargestDurations) {
  const Backoff largest{.initial = Duration::max(), .max = Duration::max(), .jitter = Jitter::None};
  EXPECT_EQ(largest.range(1).latest, Duration::max());
  EXPECT_EQ(largest.range(huge).latest, Duration::max());
  const Backoff tripled{.initial = 3ns, .max = Duration::max(), .multiplier = 3, .jitter = Jitter::None};
  EXPECT_EQ(tripled.range(39).latest.count(), 4'052'555'153'018'976'267);  // 3^39
  EXPECT_EQ(tripled.range(40).latest, Duration::max());
  const Backoff one_short{
      .initial = Duration::max() / 2, .max = Duration::max(), .multiplier = 2, .jitter = Jitter::None};
  EXPECT_EQ(one_short.range(2).latest, Duration::max() - 1ns);
  EXPECT_EQ(one_short.range(3).latest, Duration::max());
}

TEST(BackoffTest, RoundsToTheNearestNanosecondWhereTheMultiplierIsNotWhole) {
  struct Case {
    double multiplier;
    std::uint64_t n;
    std::int64_t expected;
  };
  const std::vector<Case> cases = {
      {1.5, 2, 150'000'000}, {1.5, 3, 225'000'000}, {1.5, 11, 5'766'503'906}, {1.1, 2, 110'000'000},
      {1.3, 2, 130'000'000}, {1.7, 2, 170'000'000}, {1.7, 3, 289'000'000},    {2.5, 5, 3'906'250'000},
  };
  for (const Case& c : cases) {
    const Backoff backoff{.initial = 100ms, .max = 1h, .multiplier = c.multiplier, .jitter = Jitter::None};
    EXPECT_EQ(backoff.range(c.n).latest.count(), c.expected) << c.multiplier << " " << c.n;
  }
}

TEST(BackoffTest, AMultiplierJustAboveOneStillReachesTheCap) {
  const Backoff backoff{.initial = 1s, .max = 1h, .multiplier = 1 + 0x1p-52, .jitter = Jitter::None};
  EXPECT_EQ(backoff.range(1000).latest, 1s);
  EXPECT_EQ(backoff.range(huge).latest, 1h);
}

TEST(BackoffTest, EnormousMultipliersOverflowNothing) {
  for (double multiplier :
       {1e15, 0x1p53, 0x1p53 + 2, 1e18, 0x1p63, 1e300, std::numeric_limits<double>::max(), infinity}) {
    const Backoff backoff{.initial = 1ns, .max = Duration::max(), .multiplier = multiplier, .jitter = Jitter::None};
    EXPECT_EQ(backoff.range(1).latest, 1ns) << multiplier;
    EXPECT_EQ(backoff.range(9).latest, Duration::max()) << multiplier;
    EXPECT_EQ(backoff.range(huge).latest, Duration::max()) << multiplier;
  }
}

TEST(BackoffTest, ZeroStaysZero) {
  for (double multiplier : {1.0, 1.5, 2.0, 1e300, infinity}) {
    const Backoff backoff{.initial = 0ns, .max = 1h, .multiplier = multiplier};
    EXPECT_EQ(backoff.range(1), (Range{}));
    EXPECT_EQ(backoff.range(huge), (Range{}));
  }
}

TEST(BackoffTest, NeverThrowsOrLeavesItsBoundsOverRefusedValues) {
  for (double multiplier : {nan, -1.0, 0.0, 0.5}) {
    EXPECT_EQ((Backoff{.initial = 1s, .multiplier = multiplier, .jitter = Jitter::None}.range(9)), (Range{1s, 1s}));
  }
  EXPECT_EQ((Backoff{.initial = -1s}.range(3)), (Range{}));
  EXPECT_EQ((Backoff{.initial = 10s, .max = 1s}.range(1)), (Range{500ms, 1s}));
  EXPECT_EQ((Backoff{.max = -1s}.range(1)), (Range{}));
  EXPECT_EQ(Backoff::schedule({-1s}).range(1), (Range{}));
  EXPECT_EQ(Backoff::schedule({}).range(1), (Range{}));
}

TEST(BackoffTest, RestartNumberZeroCountsAsTheFirst) {
  EXPECT_EQ(Backoff().range(0), Backoff().range(1));
  EXPECT_EQ(Backoff::schedule({1s, 2s}).range(0), (Range{1s, 1s}));
}

TEST(BackoffTest, ImmediateNeverWaits) {
  EXPECT_EQ(Backoff::immediate().preview(3), (std::vector<Range>(3)));
  EXPECT_EQ(Backoff::immediate().delay(huge, huge), 0ns);
  EXPECT_TRUE(Backoff::immediate().validate().ok());
}

TEST(BackoffTest, ConstantNeverChanges) {
  const Backoff backoff = Backoff::constant(3s);
  for (std::uint64_t n : {std::uint64_t{1}, std::uint64_t{2}, huge}) EXPECT_EQ(backoff.range(n), (Range{3s, 3s}));
  EXPECT_TRUE(backoff.validate().ok());
}

TEST(BackoffTest, ConstantZeroIsImmediate) {
  EXPECT_EQ(Backoff::constant(0s), Backoff::immediate());
  EXPECT_NE(Backoff::constant(1ns), Backoff::immediate());
}

TEST(BackoffTest, AScheduleIsFollowedAndItsLastDelayRepeats) {
  const Backoff backoff = Backoff::schedule({1s, 0s, 1h});
  EXPECT_EQ(backoff.preview(5), (std::vector<Range>{{1s, 1s}, {0s, 0s}, {1h, 1h}, {1h, 1h}, {1h, 1h}}));
  EXPECT_EQ(backoff.delay(huge, 12345), 1h);  // neither jittered nor capped by `max`
  EXPECT_TRUE(backoff.validate().ok());
}

TEST(BackoffTest, TheDelayIsTheSameForTheSameInput) {
  const Backoff backoff;
  EXPECT_EQ(backoff.delay(3, 42), backoff.delay(3, 42));
  EXPECT_NE(backoff.delay(3, 42), backoff.delay(3, std::uint64_t{42} << 32));
}

TEST(BackoffTest, RandomBitsReachBothEnds) {
  for (Jitter jitter : {Jitter::Equal, Jitter::Full, Jitter::None}) {
    for (Duration d : {Duration(1ns), Duration(2ns), Duration(3ns), Duration(100ms), Duration::max()}) {
      const Backoff backoff{.initial = d, .max = d, .jitter = jitter};
      EXPECT_EQ(backoff.delay(1, 0), backoff.range(1).earliest);
      EXPECT_EQ(backoff.delay(1, huge), backoff.range(1).latest);
    }
  }
}

TEST(BackoffTest, DelaysAreSpreadEvenly) {
  const Backoff backoff{.initial = 15ns, .max = 15ns, .jitter = Jitter::Full};
  std::mt19937_64 random(1);
  std::vector<int> hits(16);
  constexpr int rounds = 160'000;
  for (int i = 0; i < rounds; ++i) ++hits[static_cast<std::size_t>(backoff.delay(1, random()).count())];
  // 10,000 are expected, with a standard deviation of 97.
  for (int hit : hits) EXPECT_NEAR(hit, rounds / 16, 600);
}

TEST(BackoffTest, LongDelaysAreSpreadEvenly) {
  const Backoff backoff{.initial = Duration::max(), .max = Duration::max(), .jitter = Jitter::Equal};
  std::mt19937_64 random(2);
  long double sum = 0;
  constexpr int rounds = 100'000;
  for (int i = 0; i < rounds; ++i) sum += static_cast<long double>(backoff.delay(1, random()).count());
  EXPECT_NEAR(static_cast<double>(sum / rounds / static_cast<long double>(Duration::max().count())), 0.75, 0.005);
}

Duration random_duration(std::mt19937_64& random) {
  return Duration(static_cast<Duration::rep>((random() >> 1) >> (random() % 63)));
}

TEST(BackoffTest, AnyDelayLiesInItsRangeAndNoRangeExceedsTheCap) {
  std::mt19937_64 random(20260101);
  for (int i = 0; i < 200'000; ++i) {
    Backoff backoff{.initial = random_duration(random), .max = random_duration(random)};
    if (backoff.initial > backoff.max) std::swap(backoff.initial, backoff.max);
    backoff.multiplier = 1 + std::ldexp(static_cast<double>(random() >> 11), static_cast<int>(random() % 80) - 70);
    backoff.jitter = static_cast<Jitter>(random() % 3);
    ASSERT_TRUE(backoff.validate().ok());
    const std::uint64_t n = random() >> (random() % 64);
    const Range range = backoff.range(n);
    const Duration delay = backoff.delay(n, random());
    ASSERT_LE(Duration::zero(), range.earliest);
    ASSERT_LE(range.earliest, delay);
    ASSERT_LE(delay, range.latest);
    ASSERT_LE(range.latest, backoff.max);
    ASSERT_GE(range.latest, backoff.initial);
  }
}

TEST(BackoffTest, DelaysNeverFall) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 2'000; ++i) {
    Backoff backoff{.initial = random_duration(random), .max = Duration::max(), .jitter = Jitter::Full};
    backoff.multiplier = 1.001 + static_cast<double>(random() % 5'000) / 1'000;
    Duration before{};
    for (std::uint64_t n = 1; n < 100; ++n) {
      const Duration latest = backoff.range(n).latest;
      ASSERT_GE(latest, before) << backoff.initial.count() << " " << backoff.multiplier << " " << n;
      before = latest;
    }
  }
}

TEST(BackoffTest, MatchesTheFormula) {
  std::mt19937_64 random(8);
  for (int i = 0; i < 20'000; ++i) {
    Backoff backoff{.initial = Duration(1 + static_cast<Duration::rep>(random() % 1'000'000'000)), .max = 24h * 365};
    backoff.jitter = Jitter::None;
    backoff.multiplier = 1 + static_cast<double>(random() % 8'000) / 1'000;
    const std::uint64_t n = 1 + random() % 40;
    const double expected = std::min(
        static_cast<double>(backoff.initial.count()) * std::pow(backoff.multiplier, static_cast<double>(n - 1)),
        static_cast<double>(backoff.max.count()));
    ASSERT_NEAR(static_cast<double>(backoff.range(n).latest.count()), expected, 1 + expected * 1e-13)
        << backoff.initial.count() << " " << backoff.multiplier << " " << n;
  }
}

void expect_refused(const Backoff& backoff, const std::string& message) {
  const absl::Status status = backoff.validate();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(status.message()), message);
}

TEST(BackoffTest, RefusesWithTheFieldAndTheReason) {
  expect_refused({.initial = -1ns}, "backoff.initial: must not be negative, is -1 ns");
  expect_refused({.initial = 0s, .max = -1s}, "backoff.max: must not be negative, is -1 s");
  expect_refused({.initial = 31s}, "backoff.initial: must not exceed backoff.max, which is 30 s, is 31 s");
  expect_refused({.initial = 30s + 1ns},
                 "backoff.initial: must not exceed backoff.max, which is 30 s, is 30.000000001 s");
  expect_refused({.multiplier = 0.5}, "backoff.multiplier: must be at least 1, is 0.5");
  expect_refused({.multiplier = 0}, "backoff.multiplier: must be at least 1, is 0");
  expect_refused({.multiplier = -2}, "backoff.multiplier: must be at least 1, is -2");
  expect_refused({.multiplier = nan}, "backoff.multiplier: must be at least 1, is nan");
  expect_refused({.multiplier = infinity}, "backoff.multiplier: must be finite, is inf");
  expect_refused({.multiplier = -infinity}, "backoff.multiplier: must be at least 1, is -inf");
  expect_refused({.jitter = static_cast<Jitter>(9)}, "backoff.jitter: there is no such jitter: 9");
  expect_refused({.reset_after = -5ms}, "backoff.reset_after: must not be negative, is -5 ms");
  expect_refused(Backoff::constant(-2s), "backoff.initial: must not be negative, is -2 s");
  expect_refused(Backoff::schedule({}), "backoff.delays: a schedule needs at least one delay, has none");
  expect_refused(Backoff::schedule({1s, -1s}), "backoff.delays[1]: must not be negative, is -1 s");
}

TEST(BackoffTest, AcceptsTheEdges) {
  EXPECT_TRUE(Backoff().validate().ok());
  EXPECT_TRUE((Backoff{.initial = 0s, .max = 0s, .multiplier = 1, .reset_after = 0s}.validate().ok()));
  EXPECT_TRUE((Backoff{.initial = Duration::max(), .max = Duration::max()}.validate().ok()));
  EXPECT_TRUE((Backoff{.multiplier = std::numeric_limits<double>::max()}.validate().ok()));
  // A schedule looks at nothing else.
  Backoff schedule = Backoff::schedule({0s});
  schedule.multiplier = nan;
  EXPECT_TRUE(schedule.validate().ok());
}

}  // namespace
}  // namespace engin
