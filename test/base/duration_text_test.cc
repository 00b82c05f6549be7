#include "base/duration_text.h"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace engin::base {
namespace {

using namespace std::chrono_literals;

struct Case {
  Duration d;
  std::string text;
};

TEST(DurationTextTest, RoundsToWhatMatters) {
  const std::vector<Case> cases = {
      {0ns, "0 s"},
      {1ns, "1 ns"},
      {999ns, "999 ns"},
      {1us, "1 us"},
      {1'500ns, "1.5 us"},
      {1'049ns, "1 us"},
      {9'949ns, "9.9 us"},
      {9'950ns, "10 us"},
      {250us, "250 us"},
      {999'499ns, "999 us"},
      {999'500ns, "1 ms"},
      {1ms, "1 ms"},
      {250ms, "250 ms"},
      {999'499us, "999 ms"},
      {999'500us, "1 s"},
      {1s, "1 s"},
      {1'500ms, "1.5 s"},
      {1'449ms, "1.4 s"},
      {14s, "14 s"},
      {13'600ms, "14 s"},
      {59'499ms, "59 s"},
      {59'500ms, "1 min"},
      {60s, "1 min"},
      {125s, "2 min 5 s"},
      {59min + 59s + 499ms, "59 min 59 s"},
      {59min + 59s + 500ms, "1 h"},
      {2h + 3min, "2 h 3 min"},
      {2h + 3min + 29s, "2 h 3 min"},
      {23h + 59min + 30s, "1 d"},
      {76h, "3 d 4 h"},
      {-1s, "-1 s"},
      {-1'500us, "-1.5 ms"},
      {Duration::max(), "106752 d"},
      {Duration::min(), "-106752 d"},
  };
  for (const Case& c : cases) EXPECT_EQ(duration_text(c.d), c.text) << c.d.count();
}

TEST(DurationTextTest, ExactTextLosesNothing) {
  const std::vector<Case> cases = {
      {0ns, "0 s"},
      {1ns, "1 ns"},
      {1'001ns, "1.001 us"},
      {250ms, "250 ms"},
      {30s, "30 s"},
      {30s + 1ns, "30.000000001 s"},
      {90s, "90 s"},
      {-1s, "-1 s"},
      {-1'250ms, "-1.25 s"},
      {Duration::max(), "9223372036.854775807 s"},
      {Duration::min(), "-9223372036.854775808 s"},
  };
  for (const Case& c : cases) EXPECT_EQ(exact_duration_text(c.d), c.text) << c.d.count();
}

TEST(DurationTextTest, SecondsHaveNinePlaces) {
  EXPECT_EQ(seconds_text(0ns), "0.000000000");
  EXPECT_EQ(seconds_text(12s + 250ns), "12.000000250");
  EXPECT_EQ(seconds_text(-1ns), "-0.000000001");
  EXPECT_EQ(seconds_text(Duration::max()), "9223372036.854775807");
  EXPECT_EQ(seconds_text(Duration::min()), "-9223372036.854775808");
}

}  // namespace
}  // namespace engin::base
