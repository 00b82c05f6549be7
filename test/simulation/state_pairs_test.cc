#include "test/simulation/state_pairs.h"

#include <algorithm>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "test/simulation/explore.h"

namespace engin::simulation {
namespace {

TEST(StatePairsTest, EveryPairThatTheTableAllowsIsReachedOrProvenImpossible) {
  const int kept = ::dup(STDERR_FILENO);  // an observer that throws says so each time
  const int null = ::open("/dev/null", O_WRONLY);
  ::dup2(null, STDERR_FILENO);
  Explorer explorer(&generate);
  const auto missing = [] {
    const auto pairs = state_pairs();
    return std::any_of(pairs.begin(), pairs.end(),
                       [](const StatePair& p) { return p.times == 0 && p.why_not.empty(); });
  };
  std::uint64_t seed = 1'000'000;
  do {
    for (int i = 0; i < 500; ++i) ASSERT_TRUE(explorer.run(seed++)) << "seed " << seed - 1;
  } while (missing() && seed < 1'100'000);
  ::dup2(kept, STDERR_FILENO);
  ::close(null);
  ::close(kept);
  for (const StatePair& pair : state_pairs()) {
    if (pair.why_not.empty()) {
      EXPECT_GT(pair.times, 0u) << name_of(pair);
    } else {
      EXPECT_EQ(pair.times, 0u) << name_of(pair) << ": " << pair.why_not;
    }
  }
  RecordProperty("schedules", static_cast<int>(explorer.runs()));
}

}  // namespace
}  // namespace engin::simulation
