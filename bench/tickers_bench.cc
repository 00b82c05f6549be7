// 1,000 periodic callables at 1 ms, beside one bare thread with a heap of 1,000 timers.
#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support.h"
#include "ticks.h"

namespace engin::bench {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::size_t kTickers = 1000;
constexpr Duration kPeriod = milliseconds(1);

enum class Phase { Aligned, Spread };

struct Figures {
  Samples lateness;
  double processor_ns_per_tick = 0;
  double ticks = 0;
};

using AllTicks = std::vector<std::unique_ptr<Ticks>>;

AllTicks make_ticks(Duration d) {
  const auto room = static_cast<std::size_t>(d / kPeriod + 500);
  AllTicks all;
  for (std::size_t i = 0; i < kTickers; ++i) all.push_back(std::make_unique<Ticks>(room));
  return all;
}

std::size_t count(const AllTicks& all) {
  std::size_t sum = 0;
  for (const auto& ticks : all) sum += ticks->count();
  return sum;
}

Duration offset(std::size_t i, Phase phase) {
  return phase == Phase::Aligned ? Duration::zero()
                                 : kPeriod / static_cast<Duration::rep>(kTickers) * static_cast<Duration::rep>(i);
}

/// Measures what runs already, for `d`.
template <class DueOf>
void observe(Figures& figures, const AllTicks& all, Duration d, DueOf some_due_of) {
  const TimePoint begin = Clock::now();
  const Usage before = Usage::now();
  const std::size_t ticks = count(all);
  sleep_to(begin + d);
  figures.ticks = static_cast<double>(count(all) - ticks);
  figures.processor_ns_per_tick =
      static_cast<double>((Usage::now().processor - before.processor).count()) / figures.ticks;
  const TimePoint end = Clock::now();
  some_due_of([&](std::size_t i, TimePoint due) { all[i]->add_lateness(figures.lateness, begin, end, due, kPeriod); });
}

Figures supervised(Row& row, Phase phase, Duration d) {
  const AllTicks all = make_ticks(d + milliseconds(200));
  Figures figures;
  Supervisor supervisor(quiet());
  supervisor.start();
  std::vector<TaskHandle> tasks;
  const TimePoint origin = Clock::now() + milliseconds(100);
  for (std::size_t i = 0; i < kTickers; ++i) {
    // A series counts from the moment at which its attempt begins, so one after the other; they meet within a few us.
    tasks.push_back(supervisor.supervise(every(kPeriod, [ticks = all[i].get()] { ticks->tick(); },
                                               {.first = origin + offset(i, phase) - Clock::now()})));
    while (tasks.back().state() != TaskState::Waiting) std::this_thread::yield();
  }
  std::vector<TimePoint> due;
  for (const TaskHandle& task : tasks) due.push_back(task.snapshot().next_attempt.value_or(origin));
  sleep_to(origin + milliseconds(20));
  observe(figures, all, d, [&](auto add) {
    supervisor.shutdown();  // nobody writes any more
    for (std::size_t i = 0; i < kTickers; ++i) add(i, due[i]);
  });
  const SupervisorSnapshot seen = supervisor.snapshot();
  row.check(seen.total_started == kTickers && seen.total_failed == 0, "attempts do not agree with the loop count");
  for (std::size_t i = 0; i < kTickers; ++i) {
    // A call that returned after its stop began does not count as completed.
    const std::size_t ticked = all[i]->count();
    row.check(seen.tasks[i].completed <= ticked && seen.tasks[i].completed + 1 >= ticked,
              "a task did not count each of its ticks");
  }
  return figures;
}

Figures bare(Phase phase, Duration d) {
  const AllTicks all = make_ticks(d + milliseconds(200));
  Figures figures;
  const TimePoint origin = Clock::now() + milliseconds(10);
  std::jthread thread([&](const std::stop_token& stop) {
    use_exact_timers();
    using Timer = std::pair<TimePoint, std::size_t>;
    std::vector<Timer> heap;
    for (std::size_t i = 0; i < kTickers; ++i) heap.emplace_back(origin + offset(i, phase), i);
    std::make_heap(heap.begin(), heap.end(), std::greater<>());
    while (!stop.stop_requested()) {
      const TimePoint now = Clock::now();
      while (heap.front().first <= now) {
        std::pop_heap(heap.begin(), heap.end(), std::greater<>());
        Timer& timer = heap.back();
        all[timer.second]->tick();
        timer.first += kPeriod * ((now - timer.first) / kPeriod + 1);  // what was missed is left out
        std::push_heap(heap.begin(), heap.end(), std::greater<>());
      }
      sleep_to(heap.front().first);
    }
  });
  sleep_to(origin + milliseconds(20));
  observe(figures, all, d, [&](auto add) {
    thread.request_stop();
    thread.join();
    for (std::size_t i = 0; i < kTickers; ++i) add(i, origin + offset(i, phase));
  });
  return figures;
}

void tickers(benchmark::State& state, Phase phase) {
  Row row(state);
  const Duration d = sized<Duration>(milliseconds(200), milliseconds(1000));
  const int rounds = sized(1, 4);
  for (auto _ : state) {
    Samples ours;
    Samples theirs;
    std::vector<double> our_time;
    std::vector<double> their_time;
    double ticks = 0;
    double their_ticks = 0;
    for (int i = 0; i < rounds; ++i) {
      const Figures base = bare(phase, d);
      const Figures figures = supervised(row, phase, d);
      ours.add_all(figures.lateness);
      theirs.add_all(base.lateness);
      our_time.push_back(figures.processor_ns_per_tick);
      their_time.push_back(base.processor_ns_per_tick);
      ticks += figures.ticks;
      their_ticks += base.ticks;
    }
    const double due = seconds_of(d) * rounds * 1e3 * static_cast<double>(kTickers);
    row.at_most("p99_ratio_to_bare", ours.quantile(0.99) / theirs.quantile(0.99), 1.5);
    row.at_most("processor_ratio_to_bare", median(our_time) / median(their_time), 5);
    row.put("p50_ns", ours.quantile(0.5));
    row.put("p99_ns", ours.quantile(0.99));
    row.put("bare_p50_ns", theirs.quantile(0.5));
    row.put("bare_p99_ns", theirs.quantile(0.99));
    row.put("processor_ns_per_tick", median(our_time));
    row.put("bare_processor_ns_per_tick", median(their_time));
    row.put("ticks_made", ticks / due);
    row.put("bare_ticks_made", their_ticks / due);
  }
}
BENCHMARK_CAPTURE(tickers, aligned, Phase::Aligned)->Name("tickers/aligned")->Iterations(1)->UseRealTime();
BENCHMARK_CAPTURE(tickers, spread, Phase::Spread)->Name("tickers/spread")->Iterations(1)->UseRealTime();

}  // namespace
}  // namespace engin::bench
