// A snapshot of 100,000 tasks, and what it does meanwhile to a task that restarts without a pause.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include "support.h"

namespace engin::bench {
namespace {

/// Restarts at once, for ever, and knows how long the longest time between two attempts was.
struct Restless {
  std::atomic<Duration::rep>* longest;
  TimePoint before{};
  absl::Status operator()(const std::stop_token& stop) {
    const TimePoint now = Clock::now();
    if (before != TimePoint{}) {
      const Duration::rep gap = (now - before).count();
      if (gap > longest->load(std::memory_order_relaxed)) longest->store(gap, std::memory_order_relaxed);
    }
    before = now;
    return stop.stop_requested() ? absl::OkStatus() : absl::UnavailableError("connection refused");
  }
};

void snapshot(benchmark::State& state) {
  Row row(state);
  constexpr std::size_t kTasks = 100'000;
  const int rounds = sized(3, 30);
  for (auto _ : state) {
    std::atomic<std::size_t> begun = 0;
    std::atomic<Duration::rep> longest = 0;
    Supervisor supervisor(quiet());
    for (std::size_t i = 0; i < kTasks; ++i) {
      supervisor.supervise([&]() -> Co<> {
        begun.fetch_add(1);
        (void)co_await sleep_for(std::chrono::hours(1));
      });
    }
    supervisor.start();
    while (begun.load() < kTasks) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::vector<double> alone;
    std::vector<double> together;
    std::vector<double> gaps;
    std::vector<double> quiet_gaps;
    const auto take = [&] {
      const TimePoint begin = Clock::now();
      const SupervisorSnapshot seen = supervisor.snapshot();
      const Duration took = Clock::now() - begin;
      row.check(
          seen.tasks.size() >= kTasks && seen.tasks[0].state == TaskState::Waiting && seen.total_started >= kTasks,
          "the snapshot does not agree with what was supervised");
      return took;
    };
    for (int i = 0; i < rounds; ++i) alone.push_back(seconds_of(take()) * 1e3);
    const TaskHandle restless =
        supervisor.supervise(Restless{&longest}, {.on_exception = OnException::Retry, .backoff = Backoff::immediate()});
    for (int i = 0; i < rounds; ++i) {
      // As long without a snapshot: what the machine alone does to it.
      const TimePoint begin = Clock::now();
      longest = 0;
      sleep_to(begin + std::chrono::milliseconds(static_cast<int>(alone.front())));
      quiet_gaps.push_back(static_cast<double>(longest.exchange(0)) / 1e3);
      together.push_back(seconds_of(take()) * 1e3);
      gaps.push_back(static_cast<double>(longest.load()) / 1e3);
    }
    restless.stop();
    const TaskSnapshot seen = restless.snapshot();
    row.check(seen.started == seen.restarted + 1 && seen.failed <= seen.started, "restarts do not agree with attempts");
    row.check(supervisor.shutdown().clean(), "the shutdown was not clean");
    row.at_most("ms", median(alone), 50);
    row.put("ms_beside_restarts", median(together));
    row.at_most("longest_delay_us", median(gaps), 100);
    row.put("longest_delay_us_without", median(quiet_gaps));
  }
}
BENCHMARK(snapshot)->Name("snapshot/tasks:100000")->Iterations(1)->UseRealTime();

}  // namespace
}  // namespace engin::bench
