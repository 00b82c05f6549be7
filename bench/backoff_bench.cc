// How late a restart after Backoff::constant(10ms) comes, beside one bare thread with the same timers and timer slack.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support.h"

namespace engin::bench {
namespace {

constexpr Duration kDelay = std::chrono::milliseconds(10);
constexpr const char* kMessage = "connection refused";

/// What each attempt does: how late is it, and when is the next one due?
struct Retrying {
  Samples* lateness;
  std::size_t left;
  TimePoint due{};
  absl::Status operator()() {
    const TimePoint now = Clock::now();
    if (due != TimePoint{}) lateness->add(now - due);
    if (left-- == 0) return absl::OkStatus();
    due = Clock::now() + kDelay;
    return absl::UnavailableError(kMessage);
  }
};

void supervised(Row& row, Samples& lateness, std::size_t tasks, std::size_t restarts) {
  std::vector<Samples> each(tasks);
  Supervisor supervisor(quiet());
  supervisor.start();
  std::vector<TaskHandle> handles;
  for (Samples& samples : each) {
    samples.reserve(restarts);
    handles.push_back(supervisor.supervise(Retrying{&samples, restarts},
                                           {.on_exception = OnException::Retry, .backoff = Backoff::constant(kDelay)}));
  }
  row.check(supervisor.wait_all(), "the tasks did not end by themselves");
  for (std::size_t i = 0; i < tasks; ++i) {
    const TaskSnapshot seen = handles[i].snapshot();
    row.check(seen.state == TaskState::Completed && seen.started == restarts + 1 && seen.failed == restarts &&
                  seen.restarted == restarts && each[i].size() == restarts,
              "restarts do not agree with the loop count");
    row.check(seen.last_failure.has_value() && seen.last_failure->attempt() == restarts,
              "the last failure is not that of the last failed attempt");
    lateness.add_all(each[i]);
  }
  row.check(supervisor.snapshot().total_failed == tasks * restarts, "the supervisor's totals do not agree");
  row.check(supervisor.shutdown().clean(), "the shutdown was not clean");
}

void bare(Samples& lateness, std::size_t tasks, std::size_t restarts) {
  std::jthread([&] {
    use_exact_timers();
    struct Timer {
      TimePoint due;
      std::size_t left;
      bool operator>(const Timer& other) const { return due > other.due; }
    };
    std::vector<Timer> heap(tasks, Timer{Clock::now() + kDelay, restarts});
    while (!heap.empty()) {
      sleep_to(heap.front().due);
      std::pop_heap(heap.begin(), heap.end(), std::greater<>());
      Timer& timer = heap.back();
      lateness.add(Clock::now() - timer.due);
      if (--timer.left == 0) {
        heap.pop_back();
        continue;
      }
      timer.due = Clock::now() + kDelay;
      std::push_heap(heap.begin(), heap.end(), std::greater<>());
    }
  }).join();
}

void backoff(benchmark::State& state) {
  Row row(state);
  const auto tasks = static_cast<std::size_t>(state.range(0));
  const int rounds = sized(1, 10);
  const auto restarts = sized<std::size_t>(20, tasks == 1 ? 200 : 100);  // of each task in each round
  for (auto _ : state) {
    Samples ours;
    Samples theirs;
    for (int i = 0; i < rounds; ++i) {
      bare(theirs, tasks, restarts);
      supervised(row, ours, tasks, restarts);
    }
    row.check(ours.size() == theirs.size(), "a restart was not measured");
    row.put("n", static_cast<double>(ours.size()));
    row.put("p50_ns", ours.quantile(0.5));
    row.put("p99_ns", ours.quantile(0.99));
    row.put("bare_p50_ns", theirs.quantile(0.5));
    row.put("bare_p99_ns", theirs.quantile(0.99));
    row.at_most("p99_ratio_to_bare", ours.quantile(0.99) / theirs.quantile(0.99), 1.5);
  }
}
BENCHMARK(backoff)->Name("backoff_10ms")->ArgName("tasks")->Arg(1)->Arg(100)->Iterations(1)->UseRealTime();

}  // namespace
}  // namespace engin::bench
