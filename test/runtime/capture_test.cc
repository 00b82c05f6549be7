#include "runtime/capture.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

#include "test/runtime/job_kit.h"

namespace engin::runtime {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

class CaptureTest : public ::testing::Test {
 protected:
  static RunnerView plain(std::uint64_t sequence) {
    return {.sequence = sequence, .in_job = true, .capture_after = microseconds(200)};
  }
  bool look(const RunnerView& view, Duration at) {
    return record_.look(view, TimePoint(seconds(100) + at), [&] { return activity_; });
  }
  // The job uses a processor, and has used this much of it.
  void computes(Duration so_far) { activity_ = {.asleep = false, .processor_time = so_far}; }
  void sleeps() { activity_ = {}; }

  CaptureRecord record_;
  Activity activity_;
};

TEST_F(CaptureTest, AJobThatSleepsCapturesItsRunnerWhenItHasRunThatLong) {
  EXPECT_FALSE(look(plain(1), microseconds(0)));
  EXPECT_FALSE(look(plain(1), microseconds(199)));
  EXPECT_TRUE(look(plain(1), microseconds(200)));
  EXPECT_FALSE(look(plain(2), milliseconds(300)));
}

TEST_F(CaptureTest, AJobThatSaysThatItBlocksCapturesAtOnce) {
  RunnerView view = plain(1);
  view.capture_after = Duration::zero();
  EXPECT_TRUE(look(view, microseconds(0)));
}

TEST_F(CaptureTest, ARunnerWithoutAJobIsNotCaptured) {
  EXPECT_FALSE(look({.sequence = 5}, seconds(0)));
  EXPECT_FALSE(look({.sequence = 5}, seconds(10)));
}

TEST_F(CaptureTest, AJobThatWaitsForAProcessorDoesNotCapture) {
  computes(seconds(5));
  EXPECT_FALSE(look(plain(1), microseconds(0)));
  EXPECT_FALSE(look(plain(1), milliseconds(1)));
  EXPECT_FALSE(look(plain(1), milliseconds(500)));
  computes(seconds(5) + microseconds(199));
  EXPECT_FALSE(look(plain(1), milliseconds(600)));
}

TEST_F(CaptureTest, AJobThatSpinsCapturesWhenItHasUsedThatMuchProcessorTime) {
  computes(seconds(5));
  EXPECT_FALSE(look(plain(1), microseconds(0)));
  EXPECT_FALSE(look(plain(1), microseconds(300)));
  computes(seconds(5) + microseconds(200));
  EXPECT_TRUE(look(plain(1), microseconds(500)));
}

TEST_F(CaptureTest, AfterACapturedJobThatReturnedSoonOnlyALongOneCaptures) {
  look(plain(1), microseconds(0));
  EXPECT_TRUE(look(plain(1), microseconds(500)));
  EXPECT_FALSE(look(plain(2), milliseconds(1)));
  EXPECT_FALSE(look(plain(2), milliseconds(2)));
  EXPECT_FALSE(look(plain(2), milliseconds(10)));
  EXPECT_TRUE(look(plain(2), milliseconds(11)));
}

TEST_F(CaptureTest, CallablesThatComputeNeverCaptureHoweverLongTheyWaitForAProcessor) {
  Duration used = seconds(5);
  for (int job = 1; job < 50; ++job) {
    const auto start = milliseconds(30 * job);
    computes(used);
    EXPECT_FALSE(look(plain(static_cast<std::uint64_t>(job)), start));
    EXPECT_FALSE(look(plain(static_cast<std::uint64_t>(job)), start + milliseconds(9)));
    used += microseconds(500);
    computes(used);
    // The first one may.
    EXPECT_TRUE(!look(plain(static_cast<std::uint64_t>(job)), start + milliseconds(18)) || job == 1);
    EXPECT_FALSE(look({.sequence = 1000U + static_cast<std::uint64_t>(job)}, start + milliseconds(25)));
  }
}

TEST_F(CaptureTest, LenienceEndsByItselfAndIsNotGivenAfterALongJob) {
  look(plain(1), microseconds(0));
  look(plain(1), microseconds(500));
  EXPECT_FALSE(look(plain(2), milliseconds(1)));
  EXPECT_FALSE(look({.sequence = 3}, milliseconds(2)));
  EXPECT_FALSE(look(plain(4), milliseconds(20)));
  EXPECT_TRUE(look(plain(4), milliseconds(21)));
  EXPECT_TRUE(look(plain(4), milliseconds(40)));
  EXPECT_FALSE(look(plain(5), milliseconds(41)));
  EXPECT_TRUE(look(plain(5), milliseconds(42)));
}

TEST_F(CaptureTest, NoLenienceIsGivenForAJobThatNobodyWatchedToItsEnd) {
  look(plain(1), microseconds(0));
  EXPECT_TRUE(look(plain(1), microseconds(500)));
  EXPECT_FALSE(look(plain(2), seconds(5)));
  EXPECT_TRUE(look(plain(2), seconds(5) + milliseconds(1)));
}

TEST_F(CaptureTest, AJobThatDeclaresItselfBlockingIsGivenNoLenience) {
  look(plain(1), microseconds(0));
  look(plain(1), microseconds(500));
  RunnerView view = plain(2);
  view.capture_after = Duration::zero();
  EXPECT_TRUE(look(view, milliseconds(1)));
}

TEST(ThreadActivityTest, TellsASleepingThreadFromOneThatComputes) {
  std::atomic<pid_t> id{0};
  std::atomic<bool> done{false};
  std::thread spinner([&] {
    id.store(gettid());
    while (!done.load()) {
    }
  });
  ASSERT_TRUE(eventually([&] { return id.load() != 0; }));
  EXPECT_TRUE(
      eventually([&] { return !activity_of(id.load()).asleep; }));  // a page fault may have held it for a moment
  const Activity first = activity_of(id.load());
  EXPECT_TRUE(eventually([&] { return activity_of(id.load()).processor_time > first.processor_time; }));
  done.store(true);
  spinner.join();
  EXPECT_TRUE(activity_of(id.load()).asleep);

  Gate gate;
  std::thread sleeper([&] {
    id.store(gettid());
    gate.wait();
  });
  EXPECT_TRUE(eventually([&] { return activity_of(id.load()).asleep; }));
  gate.open();
  sleeper.join();
}

}  // namespace
}  // namespace engin::runtime
