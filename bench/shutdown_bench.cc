// How long a shutdown takes: with ten thousand tasks that wait, and with some that hang.
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support.h"

namespace engin::bench {
namespace {

using std::chrono::milliseconds;

void waiting(benchmark::State& state) {
  Row row(state);
  constexpr std::size_t kTasks = 10'000;
  const int rounds = sized(2, 15);
  for (auto _ : state) {
    std::vector<double> took;
    for (int i = 0; i < rounds; ++i) {
      std::atomic<std::size_t> begun = 0;
      std::atomic<std::size_t> hooks = 0;
      std::atomic<std::size_t> cut_short = 0;
      Supervisor supervisor(quiet());
      for (std::size_t task = 0; task < kTasks; ++task) {
        supervisor.supervise(
            [&]() -> Co<> {
              begun.fetch_add(1);
              const bool slept = co_await sleep_for(std::chrono::hours(1));
              if (!slept) cut_short.fetch_add(1);
            },
            {.shutdown_hook = [&] { hooks.fetch_add(1); }});
      }
      supervisor.start();
      while (begun.load() < kTasks) std::this_thread::sleep_for(milliseconds(1));
      std::this_thread::sleep_for(milliseconds(10));
      const TimePoint begin = Clock::now();
      const ShutdownReport& report = supervisor.shutdown();
      took.push_back(seconds_of(Clock::now() - begin) * 1e3);
      row.check(hooks == kTasks && cut_short == kTasks, "not every hook ran, or not every task was stopped");
      row.check(report.clean() && report.tasks_stopped == kTasks && report.total_started == kTasks,
                "the report does not agree with what was supervised");
    }
    row.at_most("ms", median(took), 100);
  }
}
BENCHMARK(waiting)->Name("shutdown/waiting_coroutines_with_hooks:10000")->Iterations(1)->UseRealTime();

/// A door that stays shut until the supervisor has reported.
class Door {
 public:
  void wait() {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [&] { return open_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    opened_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
};

struct Stuck final : Observer {
  explicit Stuck(Door& at) : door(at) {}
  void on_event(const Event& event) override {
    if (event.kind == EventKind::ShutdownBegan) door.wait();
  }
  Door& door;
};

void hung(benchmark::State& state) {
  Row row(state);
  const Duration timeout = milliseconds(sized(100, 500));
  for (auto _ : state) {
    Door door;
    std::atomic<std::size_t> begun = 0;
    SupervisorOptions options = quiet();
    options.shutdown_timeout = timeout;
    options.observers.push_back(std::make_shared<Stuck>(door));
    Supervisor supervisor(options);
    constexpr std::size_t kEach = 20;
    const auto hang = [&] {
      begun.fetch_add(1);
      door.wait();
    };
    const auto sleep = [&]() -> Co<> {
      begun.fetch_add(1);
      (void)co_await sleep_for(std::chrono::hours(1));
    };
    for (std::size_t i = 0; i < kEach; ++i) {
      supervisor.supervise(hang);
      supervisor.supervise(sleep, {.shutdown_hook = [&] { door.wait(); }});
    }
    supervisor.start();
    while (begun.load() < 2 * kEach) std::this_thread::sleep_for(milliseconds(1));
    const TimePoint begin = Clock::now();
    const ShutdownReport& report = supervisor.shutdown();
    const Duration took = Clock::now() - begin;
    door.open();
    row.check(!report.clean() && report.exit_code() == 2 && report.stragglers.size() >= 2 * kEach,
              "the report does not name those who hang");
    row.at_most("beyond_deadline_ms", seconds_of(took - timeout) * 1e3, 50);
  }
}
BENCHMARK(hung)->Name("shutdown/hung_tasks_hooks_observer")->Iterations(1)->UseRealTime();

}  // namespace
}  // namespace engin::bench
