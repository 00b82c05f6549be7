// In which order jobs are taken. One runner, which is held while the jobs are posted.
#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "test/runtime/job_kit.h"

namespace engin::runtime {
namespace {

class LanesTest : public ::testing::Test {
 protected:
  // Posts from a step on the only runner: nothing else is taken until it returns, and no second runner comes, since a
  // step of a coroutine that returns within a millisecond captures nobody.
  std::string order_of(const std::vector<std::pair<Lane, char>>& jobs) {
    for (const auto& [lane, name] : jobs) {
      made_.push_back(&runtime_.make(kStep, [this, symbol = name] {
        order_.push_back(symbol);
        ran_.add();
      }));
    }
    for (std::size_t i = 0; i < jobs.size(); ++i) runtime_->post(*made_[i], jobs[i].first);
    runtime_.start();
    EXPECT_TRUE(ran_.reaches(static_cast<int>(jobs.size())));
    return order_;
  }

  Count ran_;
  std::string order_;
  std::vector<Job*> made_;
  TestRuntime runtime_{ThreadedOptions{.runners = 1, .max_runners = 1}};
};

TEST_F(LanesTest, AQueueIsFirstInFirstOut) {
  EXPECT_EQ(order_of({{Lane::Ready, 'a'}, {Lane::Ready, 'b'}, {Lane::Ready, 'c'}, {Lane::Ready, 'd'}}), "abcd");
}

TEST_F(LanesTest, StopJobsGoBeforeReadyOnesAndThoseBeforeFreshOnes) {
  EXPECT_EQ(order_of({{Lane::Fresh, 'f'},
                      {Lane::Ready, 'r'},
                      {Lane::Stop, 's'},
                      {Lane::Fresh, 'g'},
                      {Lane::Ready, 'q'},
                      {Lane::Stop, 't'}}),
            "strqfg");
}

TEST_F(LanesTest, AConstantStreamOfReadyJobsDoesNotStarveFreshOnes) {
  std::vector<std::pair<Lane, char>> jobs(300, {Lane::Ready, 'r'});
  jobs.emplace_back(Lane::Fresh, 'f');
  EXPECT_LT(order_of(jobs).find('f'), 100U);
}

TEST_F(LanesTest, ARunnersOwnQueueAndTheSharedOneTakeTurns) {
  std::string order;
  Count ran;
  std::vector<Job*> own;
  for (int i = 0; i < 10; ++i) {
    own.push_back(&runtime_.make(kStep, [&] {
      order.push_back('o');
      ran.add();
    }));
  }
  runtime_.post(kStep, Lane::Stop, [&] {
    for (Job* job : own) runtime_->post(*job, Lane::Ready);
  });
  for (int i = 0; i < 10; ++i) {
    runtime_.post(kStep, Lane::Ready, [&] {
      order.push_back('s');
      ran.add();
    });
  }
  runtime_.start();
  ASSERT_TRUE(ran.reaches(20));
  EXPECT_LT(order.find('s'), 3U) << order;
  EXPECT_LT(order.find('o'), 3U) << order;
}

}  // namespace
}  // namespace engin::runtime
