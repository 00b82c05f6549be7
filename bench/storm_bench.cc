// 100,000 callables that all fail at once: from one start() until each has begun its second attempt.
//
// The floor: as many threads as the supervisor has runners share the same callables, call each through the same
// trampoline, and again when it failed.
#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support.h"

namespace engin::bench {
namespace {

constexpr const char* kMessage = "connection refused";

struct Storm {
  explicit Storm(std::size_t callables) : left(callables) {}

  void second_attempt() {
    if (left.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      ended_at = Clock::now();
      over.store(true, std::memory_order_release);
    }
  }
  /// Sleeps, for the threads need the processors.
  void wait() const {
    while (!over.load(std::memory_order_acquire)) std::this_thread::sleep_for(std::chrono::microseconds(500));
  }

  std::atomic<std::size_t> left;
  std::atomic<bool> over = false;
  TimePoint ended_at{};
};

struct FailsOnce {
  Storm* storm;
  bool failed = false;
  void operator()() {
    if (!std::exchange(failed, true)) throw std::runtime_error(kMessage);
    storm->second_attempt();
  }
};

Duration supervised(Row& row, std::size_t n, int runners) {
  Storm storm(n);
  Supervisor supervisor(quiet(runners));
  std::vector<TaskHandle> tasks;
  tasks.reserve(n);
  const TaskOptions options{.on_exception = OnException::Retry, .backoff = Backoff::immediate()};
  for (std::size_t i = 0; i < n; ++i) tasks.push_back(supervisor.supervise(FailsOnce{&storm}, options));
  const TimePoint begin = Clock::now();
  supervisor.start();
  storm.wait();
  row.check(supervisor.wait_all(), "the tasks did not end by themselves");
  const SupervisorSnapshot seen = supervisor.snapshot();
  row.check(seen.total_started == 2 * n && seen.total_failed == n && seen.total_restarted == n &&
                seen.total_completed == n && seen.tasks.size() == n,
            "the supervisor's totals do not agree with the loop count");
  for (const TaskSnapshot& task : seen.tasks) {
    row.check(task.attempt == 2 && task.failed == 1 && task.last_failure.has_value() &&
                  task.last_failure->attempt() == 1 && task.last_failure->message() == kMessage,
              "a task's failure is not as it was");
  }
  row.check(supervisor.shutdown().clean(), "the shutdown was not clean");
  return storm.ended_at - begin;
}

Duration floor(std::size_t n, int threads) {
  Storm storm(n);
  std::vector<detail::BodyPtr> bodies;
  bodies.reserve(n);
  for (std::size_t i = 0; i < n; ++i) bodies.push_back(detail::make_body(FailsOnce{&storm}));
  const TimePoint begin = Clock::now();
  std::vector<std::jthread> all;
  const auto share = n / static_cast<std::size_t>(threads);
  for (int t = 0; t < threads; ++t) {
    const std::size_t from = static_cast<std::size_t>(t) * share;
    const std::size_t to = t + 1 == threads ? n : from + share;
    all.emplace_back([&bodies, from, to] {
      const std::stop_token token;
      for (std::size_t i = from; i < to; ++i) {
        bool failed = true;
        while (failed) {
          detail::RawEnd end;
          detail::PromiseBase* frame = nullptr;
          bodies[i]->ops->run(*bodies[i], token, end, frame);
          failed = end.kind != detail::RawEnd::Kind::Returned;
        }
      }
    });
  }
  storm.wait();
  all.clear();
  return storm.ended_at - begin;
}

void storm(benchmark::State& state) {
  Row row(state);
  const auto n = sized<std::size_t>(10'000, 100'000);
  const int runners = static_cast<int>(state.range(0));
  const int rounds = sized(3, 15);
  for (auto _ : state) {
    std::vector<double> ours;
    std::vector<double> floors;
    std::vector<double> ratios;
    for (int i = -1; i < rounds; ++i) {  // the first one warms up
      const double base = seconds_of(floor(n, runners));
      const double time = seconds_of(supervised(row, n, runners));
      if (i < 0) continue;
      floors.push_back(base);
      ours.push_back(time);
      ratios.push_back(time / base);
    }
    row.put("ns_per_callable", median(ours) * 1e9 / static_cast<double>(n));
    row.put("floor_ns", median(floors) * 1e9 / static_cast<double>(n));
    row.put("best_ratio",
            *std::min_element(ours.begin(), ours.end()) / *std::min_element(floors.begin(), floors.end()));
    row.at_most("ratio_to_floor", median(ratios), 1.4);
  }
}
BENCHMARK(storm)->Name("storm/throw")->ArgName("runners")->Arg(1)->Arg(2)->Iterations(1)->UseRealTime();

}  // namespace
}  // namespace engin::bench
