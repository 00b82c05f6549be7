// oneTBB inside jobs.
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include "test/runtime/job_kit.h"

namespace engin::runtime {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

thread_local int task_of_this_thread = 0;

void compute_for(Duration d) {
  const TimePoint end = Clock::now() + d;
  while (Clock::now() < end) {
  }
}

class ArenaTest : public ::testing::TestWithParam<int> {
 protected:
  TestRuntime runtime_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Runners, ArenaTest, ::testing::Values(1, 2, 8));

TEST_P(ArenaTest, EveryKindOfJobSeesTheWholeMachine) {
  runtime_.start();
  const int processors = tbb::info::default_concurrency();
  Count ran;
  std::atomic<int> wrong{0};
  for (const Lane lane : {Lane::Stop, Lane::Ready, Lane::Fresh}) {
    for (const JobType* type : {&kPlain, &kBlocking, &kStep}) {
      runtime_.post(*type, lane, [&] {
        if (tbb::this_task_arena::max_concurrency() != processors) wrong.fetch_add(1);
        ran.add();
      });
    }
  }
  ASSERT_TRUE(ran.reaches(9));
  EXPECT_EQ(wrong.load(), 0);
}

TEST_P(ArenaTest, AWorkerOfTbbHelpsInALoop) {
  if (tbb::info::default_concurrency() < 2) GTEST_SKIP() << "one processor";
  runtime_.start();
  Gate helped;
  runtime_.post(kPlain, Lane::Fresh, [&] {
    const auto self = std::this_thread::get_id();
    std::atomic<bool> other{false};
    const TimePoint end = Clock::now() + kPatience;
    while (!other.load() && Clock::now() < end) {
      tbb::parallel_for(0, 100, [&](int) {
        compute_for(microseconds(20));
        if (std::this_thread::get_id() != self) other.store(true);
      });
    }
    EXPECT_TRUE(other.load());
    helped.open();
  });
  EXPECT_TRUE(helped.wait());
}

TEST_P(ArenaTest, JobsInParallelLoopsRunNoPartOfEachOther) {
  runtime_.start();
  Count ended;
  std::atomic<int> foreign{0};
  for (int task = 1; task <= 4; ++task) {
    runtime_.post(kPlain, Lane::Fresh, [&, task] {
      task_of_this_thread = task;
      for (int round = 0; round < 20; ++round) {
        tbb::parallel_for(0, 64, [&](int) {
          compute_for(microseconds(10));
          // One of TBB's workers has none.
          if (task_of_this_thread != 0 && task_of_this_thread != task) foreign.fetch_add(1);
        });
        tbb::task_group group;
        for (int i = 0; i < 8; ++i) {
          group.run([&] {
            if (task_of_this_thread != 0 && task_of_this_thread != task) foreign.fetch_add(1);
          });
        }
        group.wait();
      }
      task_of_this_thread = 0;
      ended.add();
    });
  }
  ASSERT_TRUE(ended.reaches(4));
  EXPECT_EQ(foreign.load(), 0);
}

TEST_P(ArenaTest, JobsRunThoughTheHostAllowsTbbNoParallelism) {
  const tbb::global_control one(tbb::global_control::max_allowed_parallelism, 1);
  runtime_.start();
  Gate release;
  Count begun;
  Count ended;
  for (int i = 0; i < 12; ++i) {
    runtime_.post(kPlain, Lane::Fresh, [&] {
      begun.add();
      release.wait();
      ended.add();
    });
  }
  ASSERT_TRUE(begun.reaches(12));
  release.open();
  EXPECT_TRUE(ended.reaches(12));
}

}  // namespace
}  // namespace engin::runtime
