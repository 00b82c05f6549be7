// What becomes of jobs whose timers a runner fires. Without the restart scheduler, which might be first.
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/deadlines.h"
#include "runtime/runner_pool.h"
#include "test/runtime/job_kit.h"

namespace engin::runtime {
namespace {

class RunnerTimersTest : public ::testing::Test {
 protected:
  /// A timer whose job is returned, or posted, by its `fire`.
  struct JobTimer : Timer {
    JobTimer(RunnerPool& p, Job& j, bool posts_it) : Timer(&JobTimer::fired), pool(p), job(j), posts(posts_it) {}
    static Job* fired(Timer& timer, std::uint32_t /*tag*/) noexcept {
      auto& self = static_cast<JobTimer&>(timer);
      if (!self.posts) return &self.job;
      self.pool.post(self.job, Lane::Ready);
      return nullptr;
    }
    RunnerPool& pool;
    Job& job;
    const bool posts;
  };
  struct Parts {
    Deadlines deadlines;
    RunnerPool pool{{.name = "engin", .runners = 1, .max_runners = 1}, deadlines};
  };

  void start() {
    parts_->deadlines.start();
    ASSERT_EQ(pool().start(listener_, parts_), 0);
  }
  void TearDown() override { pool().stop(Clock::now() + kPatience); }
  RunnerPool& pool() { return parts_->pool; }
  Job& make(const JobType& type, std::function<void()> f) { return jobs_.emplace_back(type, std::move(f)); }
  /// In a job.
  void arm(Timer& timer) { parts_->deadlines.rearm(timer, Clock::now(), 0, pool().core_here()); }

 private:
  CountingListener listener_;
  std::deque<FunctionJob> jobs_;
  std::shared_ptr<Parts> parts_ = std::make_shared<Parts>();
};

TEST_F(RunnerTimersTest, WhatIsDueGoesBeforeABacklogOfNewCallables) {
  std::vector<int> order;  // one runner
  Count ran;
  const auto notes = [&](int n) {
    return [&, n] {
      order.push_back(n);
      ran.add();
    };
  };
  JobTimer returned(pool(), make(kStep, notes(1)), false);
  JobTimer posted(pool(), make(kStep, notes(3)), true);
  pool().post(make(kPlain, [&] { arm(returned); }), Lane::Fresh);
  pool().post(make(kPlain, notes(2)), Lane::Fresh);
  pool().post(make(kPlain, [&] { arm(posted); }), Lane::Fresh);
  pool().post(make(kPlain, notes(4)), Lane::Fresh);
  start();
  ASSERT_TRUE(ran.reaches(4));
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4}));
}

TEST_F(RunnerTimersTest, WhatIsDueTogetherDoesNotQueueBehindAllThatItsRunnerHas) {
  constexpr int kSteps = 1000;
  constexpr int kTimers = 8;
  std::deque<JobTimer> timers;
  Count all;
  int steps = 0;  // one runner
  int steps_before_the_last_timer = 0;
  for (int i = 0; i < kTimers; ++i) {
    Job& job = make(kStep, [&] {
      steps_before_the_last_timer = steps;
      all.add();
    });
    timers.emplace_back(pool(), job, false);
  }
  std::vector<Job*> posts;
  for (int i = 0; i < kSteps; ++i) {
    posts.push_back(&make(kStep, [&] {
      ++steps;
      all.add();
    }));
  }
  pool().post(make(kPlain,
                   [&] {
                     for (Job* job : posts) pool().post(*job, Lane::Ready);
                     for (JobTimer& timer : timers) arm(timer);
                   }),
              Lane::Ready);
  start();
  ASSERT_TRUE(all.reaches(kSteps + kTimers));
  EXPECT_LT(steps_before_the_last_timer, kSteps / 2);
}

}  // namespace
}  // namespace engin::runtime
