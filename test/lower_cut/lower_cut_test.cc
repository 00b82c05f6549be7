// lib/runtime on the simulated machine: the same schedules each time, and all of some small programs.
#include <cstdint>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "test/lower_cut/explore.h"

namespace engin::lower {
namespace {

void walk(std::uint64_t from, std::uint64_t n) {
  Explorer explorer;
  for (std::uint64_t seed = from; seed < from + n; ++seed) {
    if (explorer.run(seed)) continue;
    std::ostringstream text;
    explorer.explain(text);
    FAIL() << text.str();
  }
  EXPECT_GE(explorer.distinct(), n / 2);
}

class WalkTest : public ::testing::TestWithParam<int> {};

TEST_P(WalkTest, EveryInvariantHoldsInEverySchedule) { walk(static_cast<std::uint64_t>(GetParam()) * 2500 + 1, 2500); }
INSTANTIATE_TEST_SUITE_P(Seeds, WalkTest, ::testing::Range(0, 4));

class ExhaustiveTest : public ::testing::TestWithParam<std::size_t> {};

TEST_P(ExhaustiveTest, EveryInvariantHoldsInAllSchedulesWithOneDetour) {
  Explorer explorer;
  const bool good = explorer.exhaust(small_program(GetParam()), 1, 20'000);
  if (!good) {
    std::ostringstream text;
    explorer.explain(text);
    FAIL() << text.str();
  }
  RecordProperty("schedules", static_cast<int>(explorer.runs()));
  EXPECT_GT(explorer.runs(), 100U);
}
INSTANTIATE_TEST_SUITE_P(Programs, ExhaustiveTest, ::testing::Range(std::size_t{0}, small_programs()));

// Its looks took turns of 200 and 400 us, for as long as a job waited at max_runners.
TEST(FoundTest, TheMonitorLooksMoreSeldomTheLongerItStarves) {
  Program program;
  program.tokens = {std::chrono::milliseconds(1300)};
  const Op wait{Op::Kind::Block, 0, {}};
  program.jobs = {{JobKind::Blocking, runtime::Lane::Ready, {wait}}, {JobKind::Plain, runtime::Lane::Fresh, {}}};
  program.threads = {{{Op::Kind::Post, 0, {}}, {Op::Kind::Post, 1, {}}}};
  simulation::Replay plain({});
  const Result result = run(program, plain);
  EXPECT_EQ(result.failure, "");
  EXPECT_LT(result.steps, 10'000U);
}

TEST(ReplayTest, TheSameSeedIsTheSameSchedule) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const Result first = run(generate(seed), *strategy_of(generate(seed)));
    const Result second = run(generate(seed), *strategy_of(generate(seed)));
    EXPECT_EQ(first.schedule, second.schedule) << "seed " << seed;
    EXPECT_EQ(first.steps, second.steps) << "seed " << seed;
  }
}

}  // namespace
}  // namespace engin::lower
