// How many runners there are, and when.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <deque>
#include <mutex>
#include <set>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <pthread.h>

#include "base/thread.h"
#include "engin/errors.h"
#include "test/runtime/job_kit.h"

namespace engin::runtime {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

void compute_for(Duration d) {
  const TimePoint end = Clock::now() + d;
  while (Clock::now() < end) {
  }
}

/// Lets pthread_create fail while it lives, except for the first `allowed` threads.
class NoThreads {
 public:
  explicit NoThreads(int allowed = 0) {
    left_ = allowed;
    base::create_thread.store(&NoThreads::create);
  }
  NoThreads(const NoThreads&) = delete;
  NoThreads& operator=(const NoThreads&) = delete;
  ~NoThreads() { base::create_thread.store(&pthread_create); }
  void allow(int threads) { left_ = threads; }

 private:
  static int create(pthread_t* thread, const pthread_attr_t* attributes, void* (*main)(void*), void* argument) {
    return left_.fetch_sub(1) > 0 ? pthread_create(thread, attributes, main, argument) : EAGAIN;
  }
  static inline std::atomic<int> left_{0};
};

class GrowthTest : public ::testing::TestWithParam<int> {
 protected:
  ThreadedOptions with_max(int max) const { return {.runners = GetParam(), .max_runners = max}; }

  // Jobs that wait for `release`.
  void post_waiting(TestRuntime& runtime, int n, const JobType& type, Lane lane = Lane::Fresh) {
    for (int i = 0; i < n; ++i) {
      runtime.post(type, lane, [this] {
        begun_.add();
        EXPECT_TRUE(release_.wait()) << "something waited until this job gave way";
        ended_.add();
      });
    }
  }

  // Fewer: a worker of oneTBB that an earlier test had left may end meanwhile.
  void TearDown() override {
    EXPECT_TRUE(eventually([&] { return thread_count() <= threads_before_; })) << thread_names();
  }

  Gate release_;
  Count begun_;
  Count ended_;
  const int threads_before_ = thread_count();
};

INSTANTIATE_TEST_SUITE_P(Runners, GrowthTest, ::testing::Values(1, 2, 8));

TEST_P(GrowthTest, WaitingCallablesAllRunAtTheSameTime) {
  TestRuntime runtime(GetParam());
  runtime.start();
  const TimePoint start = Clock::now();
  post_waiting(runtime, 8, kPlain);
  ASSERT_TRUE(begun_.reaches(8));
  EXPECT_LT(Clock::now() - start, milliseconds(500));
  EXPECT_GE(runtime->stats().runners, 8);
  release_.open();
  ASSERT_TRUE(ended_.reaches(8));
}

TEST_P(GrowthTest, FiveHundredCallablesThatSayThatTheyBlockAllRunAtTheSameTime) {
  TestRuntime runtime(GetParam());
  runtime.start();
  post_waiting(runtime, 500, kBlocking);
  ASSERT_TRUE(begun_.reaches(500));
  EXPECT_EQ(runtime.listener.added.load(), runtime->stats().runners - GetParam());
  Gate one_more;
  runtime.post(kStep, Lane::Ready, [&] { one_more.open(); });
  EXPECT_TRUE(one_more.wait());
  release_.open();
  ASSERT_TRUE(ended_.reaches(500));
}

// So growth doubles, and does not depend on how soon one certain thread gets a processor.
TEST_P(GrowthTest, NewRunnersStartTheNextOnes) {
  struct WhoAdds final : Listener {
    void runner_added(int /*runners*/) noexcept override {
      const std::lock_guard lock(mutex);
      threads.insert(std::this_thread::get_id());
    }
    void starving(std::size_t /*ready*/, bool /*refused*/) noexcept override {}
    std::mutex mutex;
    std::set<std::thread::id> threads;
  };
  WhoAdds who;
  std::deque<FunctionJob> jobs;
  const auto runtime = make_threaded_runtime({.runners = GetParam()});
  for (int i = 0; i < 200; ++i) {
    runtime->post(jobs.emplace_back(kBlocking,
                                    [this] {
                                      begun_.add();
                                      EXPECT_TRUE(release_.wait());
                                      ended_.add();
                                    }),
                  Lane::Fresh);
  }
  runtime->start(who);
  EXPECT_TRUE(begun_.reaches(200));
  release_.open();
  EXPECT_TRUE(ended_.reaches(200));
  runtime->stop();
  EXPECT_GT(who.threads.size(), 2U) << "the growth monitor, and more than one of the runners";
}

TEST_P(GrowthTest, AJobThatSaysThatItBlocksHoldsItsRunnerFromItsBeginning) {
  TestRuntime runtime(GetParam());
  runtime.start();
  const auto captured_by = [&](const JobType& type, int count) {
    int captured = -1;
    runtime.post(type, Lane::Ready, [&] {
      captured = runtime->stats().captured;
      ended_.add();
    });
    EXPECT_TRUE(ended_.reaches(count));
    return captured;
  };
  EXPECT_EQ(captured_by(kStep, 1), 0);
  EXPECT_EQ(captured_by(kBlocking, 2), 1);
}

TEST_P(GrowthTest, TenThousandShortCallablesDoNotMultiplyThreads) {
  TestRuntime runtime(GetParam());
  runtime.start();
  for (int i = 0; i < 10'000; ++i) {
    runtime.post(kPlain, Lane::Fresh, [&] {
      compute_for(microseconds(1));
      ended_.add();
    });
  }
  ASSERT_TRUE(ended_.reaches(10'000));
  EXPECT_LE(runtime.listener.added.load(), 8);
}

TEST_P(GrowthTest, CallablesThatComputeForHalfAMillisecondDoNotMultiplyThreads) {
  TestRuntime runtime(GetParam());
  runtime.start();
  for (int i = 0; i < 400; ++i) {
    runtime.post(kPlain, Lane::Fresh, [&] {
      compute_for(microseconds(500));
      ended_.add();
    });
  }
  ASSERT_TRUE(ended_.reaches(400));
  EXPECT_LE(runtime.listener.added.load(), 8);
}

TEST_P(GrowthTest, AStepThatSpinsHoldsUpNobodyElse) {
  TestRuntime runtime(GetParam());
  runtime.start();
  std::atomic<bool> done{false};
  for (int i = 0; i < GetParam(); ++i) {
    runtime.post(kStep, Lane::Ready, [&] {
      begun_.add();
      while (!done.load()) {
      }
      ended_.add();
    });
  }
  ASSERT_TRUE(begun_.reaches(GetParam()));
  Gate other;
  runtime.post(kStep, Lane::Ready, [&] { other.open(); });
  EXPECT_TRUE(other.wait());
  done.store(true);
  ASSERT_TRUE(ended_.reaches(GetParam()));
}

TEST_P(GrowthTest, SurplusRunnersRetireAfterASecond) {
  TestRuntime runtime(GetParam());
  runtime.start();
  const int threads = thread_count();
  post_waiting(runtime, 20, kBlocking);
  ASSERT_TRUE(begun_.reaches(20));
  EXPECT_GE(runtime->stats().runners, 20);
  release_.open();
  ASSERT_TRUE(ended_.reaches(20));
  EXPECT_TRUE(eventually([&] { return runtime->stats().runners == GetParam(); }));
  // The last one to retire is joined by the next, or by stop().
  EXPECT_TRUE(eventually([&] { return thread_count() <= threads; }));
  Gate again;
  runtime.post(kPlain, Lane::Fresh, [&] { again.open(); });
  EXPECT_TRUE(again.wait());
}

TEST_P(GrowthTest, AtTheMostRunnersStarvationIsToldOnceAndEndsByItself) {
  const int max = GetParam() + 2;
  TestRuntime runtime(with_max(max));
  runtime.start();
  post_waiting(runtime, max + 5, kBlocking);
  ASSERT_TRUE(begun_.reaches(max));
  ASSERT_TRUE(eventually([&] { return runtime->stats().starving; }));
  EXPECT_EQ(runtime->stats().runners, max);
  EXPECT_EQ(runtime->stats().captured, max);
  EXPECT_EQ(runtime->stats().ready, 5U);
  EXPECT_EQ(runtime.listener.times_full.load(), 1);
  EXPECT_EQ(runtime.listener.ready_when_starving.load(), 5U);
  release_.open();
  ASSERT_TRUE(ended_.reaches(max + 5));
  EXPECT_TRUE(eventually([&] { return !runtime->stats().starving; }));
  EXPECT_EQ(runtime.listener.times_full.load(), 1);
  EXPECT_EQ(runtime.listener.times_refused.load(), 0);
}

TEST_P(GrowthTest, StarvationThatComesAgainIsToldAgain) {
  const int max = GetParam() + 2;
  TestRuntime runtime(with_max(max));
  runtime.start();
  for (int time = 1; time <= 3; ++time) {
    Gate release;
    Count begun, ended;
    for (int i = 0; i <= max; ++i) {
      runtime.post(kBlocking, Lane::Fresh, [&] {
        begun.add();
        release.wait();
        ended.add();
      });
    }
    ASSERT_TRUE(begun.reaches(max));
    EXPECT_TRUE(eventually([&] { return runtime.listener.times_full.load() == time; }));
    release.open();
    ASSERT_TRUE(ended.reaches(max + 1));
    ASSERT_TRUE(eventually([&] { return !runtime->stats().starving; }));
  }
}

TEST_P(GrowthTest, StopJobsRunThoughAllRunnersAreCapturedAndThereMayBeNoMore) {
  TestRuntime runtime(with_max(GetParam()));
  runtime.start();
  post_waiting(runtime, GetParam() + 3, kPlain);
  ASSERT_TRUE(begun_.reaches(GetParam()));
  Count stopped;
  for (int i = 0; i < 100; ++i) runtime.post(kPlain, Lane::Stop, [&] { stopped.add(); });
  EXPECT_TRUE(stopped.reaches(100));
  EXPECT_EQ(begun_.value(), GetParam());
  EXPECT_EQ(runtime->stats().runners, GetParam());
  release_.open();
  ASSERT_TRUE(ended_.reaches(GetParam() + 3));
}

TEST_P(GrowthTest, AStopJobThatBlocksDoesNotHoldUpThoseBehindIt) {
  TestRuntime runtime(with_max(GetParam()));
  runtime.start();
  post_waiting(runtime, GetParam(), kPlain);
  ASSERT_TRUE(begun_.reaches(GetParam()));
  post_waiting(runtime, 20, kPlain, Lane::Stop);
  ASSERT_TRUE(begun_.reaches(GetParam() + 20));
  Gate last;
  runtime.post(kPlain, Lane::Stop, [&] { last.open(); });
  EXPECT_TRUE(last.wait());
  release_.open();
  ASSERT_TRUE(ended_.reaches(GetParam() + 20));
}

TEST_P(GrowthTest, ThreadsForStopJobsComeAndGoAnyNumberOfTimes) {
  TestRuntime runtime(with_max(GetParam()));
  runtime.start();
  post_waiting(runtime, GetParam(), kPlain);
  ASSERT_TRUE(begun_.reaches(GetParam()));
  Count stopped;
  int elsewhere = 0;
  for (int i = 1; i <= 200; ++i) {
    runtime.post(kPlain, Lane::Stop, [&] {
      char name[16] = {};
      pthread_getname_np(pthread_self(), name, sizeof name);
      if (std::string_view(name).rfind("engin/stop", 0) != 0) ++elsewhere;
      stopped.add();
    });
    ASSERT_TRUE(stopped.reaches(i));
  }
  EXPECT_EQ(elsewhere, 0) << "no thread was to be had for it";
  release_.open();
  ASSERT_TRUE(ended_.reaches(GetParam()));
}

TEST_P(GrowthTest, BehindSixtyFourStopJobsThatBlockTheControlRunnerTakesTheNext) {
  TestRuntime runtime(with_max(GetParam()));
  runtime.start();
  post_waiting(runtime, GetParam(), kPlain);
  ASSERT_TRUE(begun_.reaches(GetParam()));
  post_waiting(runtime, 64, kPlain, Lane::Stop);
  ASSERT_TRUE(begun_.reaches(GetParam() + 64));
  Gate last;
  char name[16] = {};
  runtime.post(kPlain, Lane::Stop, [&] {
    pthread_getname_np(pthread_self(), name, sizeof name);
    last.open();
  });
  EXPECT_TRUE(last.wait());
  EXPECT_STREQ(name, "engin/control");
  release_.open();
  ASSERT_TRUE(ended_.reaches(GetParam() + 64));
}

TEST_P(GrowthTest, WithoutThreadsStarvationIsToldAndTheControlRunnerRunsStopJobs) {
  TestRuntime runtime(GetParam());
  runtime.start();
  {
    const NoThreads none;
    post_waiting(runtime, GetParam() + 3, kPlain);
    ASSERT_TRUE(begun_.reaches(GetParam()));
    ASSERT_TRUE(eventually([&] { return runtime->stats().starving; }));
    EXPECT_EQ(runtime.listener.times_refused.load(), 1);
    Count stopped;
    for (int i = 0; i < 100; ++i) runtime.post(kPlain, Lane::Stop, [&] { stopped.add(); });
    EXPECT_TRUE(stopped.reaches(100));
    EXPECT_EQ(begun_.value(), GetParam());
  }
  // It is tried again.
  EXPECT_TRUE(begun_.reaches(GetParam() + 3));
  release_.open();
  ASSERT_TRUE(ended_.reaches(GetParam() + 3));
}

TEST_P(GrowthTest, WhenOneMoreThreadWasNotEnoughStarvationIsToldAgain) {
  TestRuntime runtime(GetParam());
  runtime.start();
  {
    NoThreads threads;
    post_waiting(runtime, GetParam() + 3, kPlain);
    ASSERT_TRUE(begun_.reaches(GetParam()));
    ASSERT_TRUE(eventually([&] { return runtime.listener.times_refused.load() == 1; }));
    threads.allow(1);
    ASSERT_TRUE(begun_.reaches(GetParam() + 1));
    EXPECT_TRUE(eventually([&] { return runtime.listener.times_refused.load() == 2; }));
  }
  EXPECT_TRUE(begun_.reaches(GetParam() + 3));
  release_.open();
  ASSERT_TRUE(ended_.reaches(GetParam() + 3));
}

TEST_P(GrowthTest, ABlockedControlJobHarmsNobody) {
  TestRuntime runtime(GetParam());
  runtime.start();
  Gate control_blocks;
  Gate release_control;
  Gate control_ended;
  Gate next_control;
  runtime.post(kPlain, Lane::Control, [&] {
    control_blocks.open();
    release_control.wait();
    control_ended.open();
  });
  runtime.post(kPlain, Lane::Control, [&] { next_control.open(); });
  ASSERT_TRUE(control_blocks.wait());
  post_waiting(runtime, GetParam() + 4, kPlain);
  ASSERT_TRUE(begun_.reaches(GetParam() + 4));
  Gate stop_ran;
  runtime.post(kPlain, Lane::Stop, [&] { stop_ran.open(); });
  EXPECT_TRUE(stop_ran.wait());
  release_control.open();
  EXPECT_TRUE(control_ended.wait());
  EXPECT_TRUE(next_control.wait());
  release_.open();
  ASSERT_TRUE(ended_.reaches(GetParam() + 4));
}

TEST_P(GrowthTest, AStartWithoutThreadsFailsLeavesNoneBehindAndCanBeTriedAgain) {
  TestRuntime runtime(GetParam());
  Gate ran;
  runtime.post(kPlain, Lane::Ready, [&] { ran.open(); });
  for (int allowed = 0; allowed < 4; ++allowed) {
    const NoThreads few(allowed);
    EXPECT_THROW(runtime.start(), StartFailed) << allowed;
    EXPECT_LE(thread_count(), threads_before_);
  }
  runtime.start();
  EXPECT_TRUE(ran.wait());
}

TEST_P(GrowthTest, AStartWithFewerRunnersThanWantedIsGoodEnough) {
  TestRuntime runtime(GetParam());
  {
    const NoThreads four(4);
    runtime.start();
  }
  EXPECT_EQ(runtime->stats().runners, 1);
  post_waiting(runtime, 8, kPlain);
  EXPECT_TRUE(begun_.reaches(8));
  release_.open();
  ASSERT_TRUE(ended_.reaches(8));
}

}  // namespace
}  // namespace engin::runtime
