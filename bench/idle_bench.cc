// What 100,000 tasks cost that all wait: a third in a Wakeup, a third asleep, a third in backoff, for an hour.
#include <atomic>
#include <cstddef>
#include <string>
#include <thread>

#include "support.h"

namespace engin::bench {
namespace {

void idle(benchmark::State& state) {
  Row row(state);
  constexpr std::size_t kTasks = 100'000;
  const std::chrono::seconds d(sized(2, 10));
  for (auto _ : state) {
    Wakeup never;
    std::atomic<std::size_t> begun = 0;
    Supervisor supervisor(quiet());
    const TaskOptions retry{.on_exception = OnException::Retry, .backoff = Backoff::constant(std::chrono::hours(1))};
    for (std::size_t i = 0; i < kTasks; ++i) {
      switch (i % 3) {
        case 0:
          supervisor.supervise([&]() -> Co<> {
            begun.fetch_add(1);
            (void)co_await never.wait();
          });
          break;
        case 1:
          supervisor.supervise([&]() -> Co<> {
            begun.fetch_add(1);
            (void)co_await sleep_for(std::chrono::hours(1));
          });
          break;
        default:
          supervisor.supervise(
              [&] {
                begun.fetch_add(1);
                return absl::UnavailableError("connection refused");
              },
              retry);
      }
    }
    supervisor.start();
    while (begun.load() < kTasks) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::this_thread::sleep_for(std::chrono::milliseconds(500));

    const Usage before = Usage::now();
    sleep_to(Clock::now() + d);
    const Usage after = Usage::now();

    const SupervisorSnapshot seen = supervisor.snapshot();
    row.check(seen.total_started == kTasks && seen.total_failed == kTasks / 3 && seen.tasks.size() == kTasks,
              "the supervisor's totals do not agree with the loop count");
    for (const TaskSnapshot& task : seen.tasks) {
      row.check(task.state == TaskState::Waiting || task.state == TaskState::Backoff, "a task does not wait");
    }
    row.check(supervisor.shutdown().clean(), "the shutdown was not clean");
    const double share = 10 / seconds_of(d);
    row.at_most("processor_ms_in_10s", seconds_of(after.processor - before.processor) * 1e3 * share, 2);
    // One of them is the sleep of the thread that measures.
    row.at_most("switches_in_10s", static_cast<double>(after.voluntary_switches - before.voluntary_switches) * share,
                10);
  }
}
BENCHMARK(idle)->Name("idle")->Iterations(1)->UseRealTime();

}  // namespace
}  // namespace engin::bench
