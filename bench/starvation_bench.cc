// 1,000 callables that never return and 1,000 tickers, supervised together.
#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support.h"
#include "ticks.h"

namespace engin::bench {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kEach = 1000;
constexpr Duration kPeriod = milliseconds(1);

void starvation(benchmark::State& state) {
  Row row(state);
  const Duration calm = sized<Duration>(milliseconds(300), milliseconds(2000));
  const int rounds = sized(1, 5);
  for (auto _ : state) {
    std::vector<double> all_run;
    Samples meanwhile;
    Samples afterwards;
    for (int round = 0; round < rounds; ++round) {
      std::atomic<std::size_t> begun = 0;
      std::vector<std::unique_ptr<Ticks>> ticks;
      SupervisorOptions options = quiet();
      options.max_runners = 1024;
      Supervisor supervisor(options);
      std::vector<TaskHandle> tickers;
      for (std::size_t i = 0; i < kEach; ++i) {
        supervisor.supervise([&] {
          begun.fetch_add(1);
          while (this_task::sleep_for(std::chrono::hours(1))) {
          }
        });
        ticks.push_back(std::make_unique<Ticks>(static_cast<std::size_t>(calm / kPeriod) + 5000));
        tickers.push_back(supervisor.supervise(every(kPeriod, [own = ticks.back().get()] { own->tick(); })));
      }
      const TimePoint begin = Clock::now();
      supervisor.start();
      const auto everybody_runs = [&] {
        if (begun.load() < kEach) return false;
        for (const auto& own : ticks) {
          if (own->count() == 0) return false;
        }
        return true;
      };
      const TimePoint give_up = begin + std::chrono::seconds(10);
      while (!everybody_runs() && Clock::now() < give_up) std::this_thread::sleep_for(milliseconds(1));
      const TimePoint all = Clock::now();
      row.check(everybody_runs(), "not all tasks ever ran");
      all_run.push_back(seconds_of(all - begin) * 1e3);
      // What grew is over; the processors have run out of work.
      const TimePoint calm_begins = all + milliseconds(50);
      sleep_to(calm_begins + calm);
      std::vector<TimePoint> due;
      for (const TaskHandle& ticker : tickers) due.push_back(ticker.snapshot().next_attempt.value_or(all));
      const ShutdownReport& report = supervisor.shutdown();
      row.check(report.clean() && report.total_started == 2 * kEach && report.total_failed == 0,
                "the report does not agree with what was supervised");
      for (std::size_t i = 0; i < kEach; ++i) {
        ticks[i]->add_lateness(meanwhile, begin, all, due[i], kPeriod);
        ticks[i]->add_lateness(afterwards, calm_begins, calm_begins + calm, due[i], kPeriod);
      }
    }
    row.at_most("all_run_ms", median(all_run), 150);
    row.at_most("tick_p99_ms_meanwhile", meanwhile.quantile(0.99) / 1e6, 10);
    row.at_most("tick_p99_ms_afterwards", afterwards.quantile(0.99) / 1e6, 1.5);
    row.put("tick_p50_ms_meanwhile", meanwhile.quantile(0.5) / 1e6);
    row.put("tick_p50_ms_afterwards", afterwards.quantile(0.5) / 1e6);
  }
}
BENCHMARK(starvation)->Name("starvation/endless_and_tickers")->Iterations(1)->UseRealTime();

}  // namespace
}  // namespace engin::bench
