// 1,000 coroutines that give way to one another, beside functions that enqueue themselves again in a task_arena.
#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include "support.h"

namespace engin::bench {
namespace {

constexpr std::size_t kCoroutines = 1000;

/// The last one to arrive stops the watch.
class Finish {
 public:
  explicit Finish(std::size_t runners) : left_(runners) {}
  void arrive() {
    if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      at_ = Clock::now();
      over_.store(true, std::memory_order_release);
    }
  }
  TimePoint wait() const {
    while (!over_.load(std::memory_order_acquire)) std::this_thread::sleep_for(std::chrono::microseconds(500));
    return at_;
  }

 private:
  std::atomic<std::size_t> left_;
  std::atomic<bool> over_ = false;
  TimePoint at_{};
};

double ns_each(Duration d, int yields) {
  return static_cast<double>(d.count()) / (static_cast<double>(kCoroutines) * yields);
}

double yielding(Row& row, int runners, int yields) {
  Wakeup gate;
  Finish finish(kCoroutines);
  std::atomic<std::size_t> ready = 0;
  std::vector<int> counted(kCoroutines);
  Supervisor supervisor(quiet(runners));
  std::vector<TaskHandle> tasks;
  for (std::size_t i = 0; i < kCoroutines; ++i) {
    tasks.push_back(supervisor.supervise([&, count = &counted[i]]() -> Co<> {
      ready.fetch_add(1);
      if (!co_await gate.wait()) co_return;
      for (int left = yields; left > 0 && co_await yield(); --left) ++*count;
      finish.arrive();
    }));
  }
  supervisor.start();
  const auto all_wait = [&] {
    for (const TaskHandle& task : tasks) {
      if (task.state() != TaskState::Waiting) return false;
    }
    return true;
  };
  while (ready.load() < kCoroutines || !all_wait()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const TimePoint begin = Clock::now();
  gate.notify_all();
  const Duration took = finish.wait() - begin;
  row.check(supervisor.wait_all(), "the tasks did not end by themselves");
  for (const int count : counted) row.check(count == yields, "a coroutine did not yield as often as it was told to");
  const SupervisorSnapshot seen = supervisor.snapshot();
  row.check(seen.total_started == kCoroutines && seen.total_completed == kCoroutines && seen.total_failed == 0,
            "the supervisor's totals do not agree with the loop count");
  row.check(supervisor.shutdown().clean(), "the shutdown was not clean");
  return ns_each(took, yields);
}

struct Again {
  tbb::task_arena* arena;
  Finish* finish;
  int left;
  void operator()() const {
    if (left > 0) {
      arena->enqueue(Again{arena, finish, left - 1});
    } else {
      finish->arrive();
    }
  }
};

double enqueueing(int workers, int yields) {
  const tbb::global_control enough(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(workers) + 1);
  tbb::task_arena arena(workers, 0);
  Finish finish(kCoroutines);
  const TimePoint begin = Clock::now();
  for (std::size_t i = 0; i < kCoroutines; ++i) arena.enqueue(Again{&arena, &finish, yields});
  return ns_each(finish.wait() - begin, yields);
}

void yields(benchmark::State& state) {
  Row row(state);
  const int runners = static_cast<int>(state.range(0));
  const int each = sized(50, 1000);
  const int rounds = sized(3, 15);
  for (auto _ : state) {
    std::vector<double> ours;
    std::vector<double> arena;
    std::vector<double> faster;
    std::vector<double> ratios;
    for (int i = 0; i < rounds; ++i) {
      const double enqueued = enqueueing(runners, each);
      const double one = yielding(row, 1, each);
      const double time = runners == 1 ? one : yielding(row, runners, each);
      ours.push_back(time);
      arena.push_back(enqueued);
      faster.push_back(enqueued / time);
      ratios.push_back(time / one);
    }
    row.put("ns_per_yield", median(ours));
    row.put("arena_ns", median(arena));
    row.at_least("times_faster_than_arena", median(faster), 3);
    if (runners > 1) row.at_most("ratio_to_one_runner", median(ratios), 1);
  }
}
BENCHMARK(yields)->Name("yield")->ArgName("runners")->Arg(1)->Arg(2)->Iterations(1)->UseRealTime();

}  // namespace
}  // namespace engin::bench
