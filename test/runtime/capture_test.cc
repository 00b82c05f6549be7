#include "runtime/capture.h"

#include <gtest/gtest.h>

namespace engin::runtime {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TimePoint kStart{seconds(100)};

RunnerView plain(std::uint64_t sequence) {
  return {.sequence = sequence, .in_job = true, .capture_after = microseconds(200)};
}

TEST(CaptureTest, AJobCapturesItsRunnerWhenItHasRunThatLong) {
  CaptureRecord record;
  EXPECT_FALSE(record.look(plain(1), kStart));
  EXPECT_FALSE(record.look(plain(1), kStart + microseconds(199)));
  EXPECT_TRUE(record.look(plain(1), kStart + microseconds(200)));
  EXPECT_FALSE(record.look(plain(2), kStart + microseconds(300)));
}

TEST(CaptureTest, AJobThatSaysThatItBlocksCapturesAtOnce) {
  CaptureRecord record;
  RunnerView view = plain(1);
  view.blocks = true;
  EXPECT_TRUE(record.look(view, kStart));
  view = plain(2);
  view.capture_after = Duration::zero();
  EXPECT_TRUE(record.look(view, kStart));
}

TEST(CaptureTest, ARunnerWithoutAJobIsNotCaptured) {
  CaptureRecord record;
  EXPECT_FALSE(record.look({.sequence = 5}, kStart));
  EXPECT_FALSE(record.look({.sequence = 5}, kStart + seconds(10)));
}

TEST(CaptureTest, AfterACapturedJobThatReturnedSoonOnlyALongOneCaptures) {
  CaptureRecord record;
  record.look(plain(1), kStart);
  EXPECT_TRUE(record.look(plain(1), kStart + microseconds(500)));
  EXPECT_FALSE(record.look(plain(2), kStart + milliseconds(1)));
  EXPECT_FALSE(record.look(plain(2), kStart + milliseconds(2)));
  EXPECT_FALSE(record.look(plain(2), kStart + milliseconds(10)));
  EXPECT_TRUE(record.look(plain(2), kStart + milliseconds(11)));
}

TEST(CaptureTest, LenienceEndsByItselfAndIsNotGivenAfterALongJob) {
  CaptureRecord record;
  record.look(plain(1), kStart);
  record.look(plain(1), kStart + microseconds(500));
  EXPECT_FALSE(record.look(plain(2), kStart + milliseconds(1)));
  EXPECT_FALSE(record.look({.sequence = 3}, kStart + milliseconds(2)));
  EXPECT_FALSE(record.look(plain(4), kStart + milliseconds(20)));
  EXPECT_TRUE(record.look(plain(4), kStart + milliseconds(21)));
  EXPECT_TRUE(record.look(plain(4), kStart + milliseconds(40)));
  EXPECT_FALSE(record.look(plain(5), kStart + milliseconds(41)));
  EXPECT_TRUE(record.look(plain(5), kStart + milliseconds(42)));
}

TEST(CaptureTest, AJobThatDeclaresItselfBlockingIsGivenNoLenience) {
  CaptureRecord record;
  record.look(plain(1), kStart);
  record.look(plain(1), kStart + microseconds(500));
  RunnerView view = plain(2);
  view.blocks = true;
  EXPECT_TRUE(record.look(view, kStart + milliseconds(1)));
}

}  // namespace
}  // namespace engin::runtime
