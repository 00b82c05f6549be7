#include "test/simulation/strategy.h"

#include <array>
#include <numeric>
#include <set>

#include <gtest/gtest.h>

namespace engin::simulation {
namespace {

constexpr std::array<std::uint64_t, 3> kWho{10, 11, 12};

TEST(ExhaustiveTest, VisitsEachRunWithFewDetoursOnce) {
  // Four choices of three, at most two of which are not 0: 1 + 4 * 2 + 6 * 4.
  Exhaustive strategy(2);
  std::set<Picks> seen;
  do {
    Picks picks;
    for (int i = 0; i < 4; ++i) picks.push_back(static_cast<std::uint32_t>(strategy.next(kWho, true)));
    EXPECT_TRUE(seen.insert(picks).second);
  } while (strategy.advance());
  EXPECT_EQ(seen.size(), 33U);
}

TEST(ExhaustiveTest, WhoGoesOnAfterOneThatCannotIsNoDetour) {
  Exhaustive strategy(0);
  int runs = 0;
  do {
    for (int i = 0; i < 3; ++i) strategy.next(kWho, false);
    EXPECT_FALSE(strategy.happens(2));
    ++runs;
  } while (strategy.advance());
  EXPECT_EQ(runs, 27);
}

TEST(PrioritiesTest, TheSameThreadGoesOnButForTheChanges) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Priorities strategy(seed, 2, 100);
    int changes = 0;
    std::size_t before = strategy.next(kWho, true);
    for (int i = 0; i < 200; ++i) {
      const std::size_t now = strategy.next(kWho, true);
      changes += now != before ? 1 : 0;
      before = now;
    }
    EXPECT_LE(changes, 3);  // one of them after 200 in a row
  }
}

TEST(RandomWalkTest, EverybodyHasItsTurn) {
  RandomWalk strategy(1);
  std::array<int, 3> turns{};
  for (int i = 0; i < 3000; ++i) ++turns[strategy.next(kWho, false)];
  for (const int n : turns) EXPECT_GT(n, 800);
}

TEST(ShortestTest, KeepsWhatTheFailureNeeds) {
  RandomWalk strategy(7);
  Picks picks;
  for (int i = 0; i < 400; ++i) picks.push_back(1 + static_cast<std::uint32_t>(strategy.choose(3)));
  const auto fails = [](const Picks& p) { return p.size() > 300 && p[17] != 0 && p[300] != 0; };
  const Picks plainest = shortest(picks, fails, 1000);
  EXPECT_EQ(plainest.size(), 301U);
  EXPECT_EQ(std::accumulate(plainest.begin(), plainest.end(), 0U), picks[17] + picks[300]);
  EXPECT_EQ(text_of({0, 0, 2, 1}), "0*2 2 1");
}

// Beyond the end of its list Replay takes turns, so zeroes at the end are not nothing.
TEST(ShortestTest, WhatItGivesWasSeenToFail) {
  Picks picks(400, 1);
  for (std::size_t i = 250; i < picks.size(); ++i) picks[i] = 0;
  const auto fails = [](const Picks& p) { return p.size() > 300 && p[17] != 0; };
  const Picks plainest = shortest(picks, fails, 1000);
  EXPECT_TRUE(fails(plainest));
  EXPECT_EQ(plainest.size(), 301U);
  EXPECT_EQ(std::accumulate(plainest.begin(), plainest.end(), 0U), 1U);
  for (std::size_t most_runs = 0; most_runs < 40; ++most_runs) EXPECT_TRUE(fails(shortest(picks, fails, most_runs)));
}

TEST(ReplayTest, GoesOnWithZeroWhereTheListEnds) {
  Replay strategy({2, 1});
  EXPECT_EQ(strategy.next(kWho, true), 2U);
  EXPECT_TRUE(strategy.happens(10));
  EXPECT_FALSE(strategy.happens(10));
  EXPECT_EQ(strategy.choose(5), 0U);
}

}  // namespace
}  // namespace engin::simulation
