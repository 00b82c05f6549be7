// A few seconds of storms. The long run is `./dev stress --minutes N`.
#include "test/stress/storm.h"

#include <iostream>
#include <random>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/support/child.h"
#include "test/support/sanitizers.h"
#include "test/support/watchdog.h"

namespace engin::stress {
namespace {

using namespace std::chrono_literals;

class StormTest : public ::testing::TestWithParam<int> {};

TEST_P(StormTest, EveryLifeEndsInOrderAndLeavesNothing) {
  test::Watchdog watchdog(20s * slowdown(), [] { tell_of_present_life(std::cerr); });
  const std::function<void()> alive = [&] { watchdog.alive(); };
  const std::uint64_t first = std::random_device()();
  std::cout << "seeds from " << first << std::endl;
  const auto end = std::chrono::steady_clock::now() + 2s;
  std::uint64_t seed = first;
  do {
    const auto wrong = storm({.seed = seed, .runners = GetParam()}, alive);
    ASSERT_THAT(wrong, ::testing::IsEmpty()) << "seed " << seed;
    ++seed;
  } while (std::chrono::steady_clock::now() < end);
  std::cout << seed - first << " lives" << std::endl;
}
INSTANTIATE_TEST_SUITE_P(Runners, StormTest, ::testing::Values(1, 2, 8));

TEST(MemoryTest, StaysWhatItIsOverManyLives) {
  test::Child child(ENGIN_TEST_PROGRAMS "/engin_stress", "--seconds=3");
  EXPECT_EQ(child.status(), 0) << child.output();
  EXPECT_THAT(child.output(), ::testing::HasSubstr("memory after warming up"));
}

TEST(WatchdogTest, AHangIsToldWithAllStacksAndTheSupervisorsOwnAccount) {
  if (test::under_tsan) GTEST_SKIP() << "what the handlers of signals do is reported";
  test::Child child(ENGIN_TEST_PROGRAMS "/engin_stress", "--hang");
  EXPECT_EQ(child.status(), test::Watchdog::Status);
  EXPECT_THAT(child.output(),
              ::testing::AllOf(::testing::HasSubstr("nothing was done for"), ::testing::HasSubstr("stack of thread"),
                               ::testing::HasSubstr("engin::stress::(anonymous namespace)::never_ends()"),
                               ::testing::HasSubstr("the one that hangs")));
}

}  // namespace
}  // namespace engin::stress
