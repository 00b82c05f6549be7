#include "runtime/local_queue.h"

#include <atomic>
#include <cstddef>
#include <deque>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "test/runtime/job_kit.h"

namespace engin::runtime {
namespace {

struct CountedJob : Job {
  CountedJob() : Job(kStep) {}
  std::atomic<int> taken{0};
};

void count(Job& job) { static_cast<CountedJob&>(job).taken.fetch_add(1); }

TEST(LocalQueueTest, IsFirstInFirstOut) {
  base::AsymmetricFence::prepare();
  LocalQueue queue;
  std::deque<CountedJob> jobs(3);
  EXPECT_EQ(queue.pop(), nullptr);
  for (std::size_t i = 0; i < jobs.size(); ++i) EXPECT_EQ(queue.push(jobs[i]), i + 1);
  for (auto& job : jobs) EXPECT_EQ(queue.pop(), &job);
  EXPECT_EQ(queue.size(), 0U);
}

TEST(LocalQueueTest, AVisitorTakesTheOlderHalf) {
  base::AsymmetricFence::prepare();
  LocalQueue queue;
  std::deque<CountedJob> jobs(5);
  for (auto& job : jobs) queue.push(job);
  JobList taken = queue.take_half(100, false);
  EXPECT_EQ(taken.size(), 2U);
  EXPECT_EQ(taken.pop(), &jobs[0]);
  EXPECT_EQ(queue.take_half(1, true).size(), 1U);
  EXPECT_EQ(queue.pop(), &jobs[3]);
  EXPECT_EQ(queue.take_half(100, false).size(), 0U);
  EXPECT_EQ(queue.take_half(100, true).size(), 1U);
  EXPECT_EQ(queue.take_all().size(), 0U);
}

TEST(LocalQueueTest, NoJobIsLostOrTakenTwiceBetweenTheOwnerAndItsVisitors) {
  base::AsymmetricFence::prepare();
  constexpr int kJobs = 100'000;
  LocalQueue queue;
  std::deque<CountedJob> jobs(kJobs);
  std::atomic<bool> done{false};
  std::atomic<int> visits{0};
  std::vector<std::thread> visitors;
  for (int v = 0; v < 2; ++v) {
    visitors.emplace_back([&, v] {
      while (!done.load()) {
        JobList taken = v == 0 ? queue.take_half(8, true) : queue.take_all();
        if (!taken.empty()) visits.fetch_add(1);
        while (Job* job = taken.pop()) count(*job);
      }
    });
  }
  for (auto& job : jobs) {
    queue.push(job);
    if (Job* own = (visits.load(std::memory_order_relaxed) % 2 == 0) ? queue.pop() : nullptr) count(*own);
  }
  EXPECT_TRUE(eventually([&] { return visits.load() > 0 || queue.size() == 0; }));
  done.store(true);
  for (auto& visitor : visitors) visitor.join();
  while (Job* job = queue.pop()) count(*job);
  for (auto& job : jobs) ASSERT_EQ(job.taken.load(), 1);
}

}  // namespace
}  // namespace engin::runtime
