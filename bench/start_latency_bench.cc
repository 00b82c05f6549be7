// How soon a cooperative job starts while the process saturates oneTBB, beside a function enqueued in a task_arena.
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include "support.h"

namespace engin::bench {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// Keeps every thread of oneTBB busy with bodies of 50 us.
class Host {
 public:
  Host()
      : thread_([](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            tbb::parallel_for(0, 1000, [](int) {
              for (const TimePoint end = Clock::now() + microseconds(50); Clock::now() < end;) {
              }
            });
          }
        }) {
    std::this_thread::sleep_for(milliseconds(50));
  }

 private:
  std::jthread thread_;
};

/// Rounds of: take the time, start something, wait until it has stored when it began. How many began in time.
template <class Start>
std::size_t sample(Samples& samples, std::size_t n, Duration patience, Start start) {
  struct Mark {
    std::atomic<TimePoint::rep> at = 0;
  };
  std::size_t began = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto mark = std::make_shared<Mark>();
    std::this_thread::sleep_for(milliseconds(2));
    const TimePoint asked = Clock::now();
    start([mark] { mark->at.store(Clock::now().time_since_epoch().count()); });
    while (mark->at.load() == 0 && Clock::now() - asked < patience) std::this_thread::sleep_for(microseconds(200));
    const TimePoint::rep at = mark->at.load();
    began += at != 0 ? 1U : 0U;
    samples.add(at != 0 ? Duration(at) - asked.time_since_epoch() : patience);
  }
  return began;
}

void put(Row& row, Samples& samples, std::size_t n, std::size_t began) {
  row.put("n", static_cast<double>(n));
  row.put("never_started", static_cast<double>(n - began));
  row.put("p50_ns", samples.quantile(0.5));
}

void supervise_now(benchmark::State& state) {
  Row row(state);
  const auto n = sized<std::size_t>(100, 2000);
  for (auto _ : state) {
    const Host host;
    Supervisor supervisor(quiet());
    supervisor.start();
    Samples samples;
    const std::size_t began = sample(samples, n, std::chrono::seconds(2), [&](auto mark) {
      supervisor.supervise([mark]() -> Co<> {
        mark();
        co_return;
      });
    });
    row.check(supervisor.wait_all(), "the tasks did not end by themselves");
    const SupervisorSnapshot seen = supervisor.snapshot();
    row.check(seen.total_tasks == n && seen.total_completed == n,
              "the supervisor's totals do not agree with the loop count");
    row.check(supervisor.shutdown().clean(), "the shutdown was not clean");
    put(row, samples, n, began);
    row.at_most("p99_ns", samples.quantile(0.99), 1e6);
  }
}
BENCHMARK(supervise_now)->Name("start_latency/host_saturates_tbb/supervise")->Iterations(1)->UseRealTime();

void notify(benchmark::State& state) {
  Row row(state);
  const auto n = sized<std::size_t>(100, 2000);
  for (auto _ : state) {
    const Host host;
    Wakeup wakeup;
    std::function<void()> mark;
    std::size_t rounds = 0;
    Supervisor supervisor(quiet());
    supervisor.supervise([&]() -> Co<> {
      while (co_await wakeup.wait()) {
        mark();
        ++rounds;
      }
    });
    supervisor.start();
    Samples samples;
    const std::size_t began = sample(samples, n, std::chrono::seconds(2), [&](auto f) {
      mark = f;
      wakeup.notify();
    });
    row.check(supervisor.shutdown().clean(), "the shutdown was not clean");
    row.check(rounds == n, "the coroutine did not wake as often as it was notified");
    put(row, samples, n, began);
    row.at_most("p99_ns", samples.quantile(0.99), 1e6);
  }
}
BENCHMARK(notify)->Name("start_latency/host_saturates_tbb/wakeup")->Iterations(1)->UseRealTime();

void enqueue(benchmark::State& state) {
  Row row(state);
  const auto n = sized<std::size_t>(3, 20);
  for (auto _ : state) {
    tbb::task_arena arena(2, 1);
    Samples samples;
    std::size_t began = 0;
    {
      const Host host;
      const Duration patience = sized<Duration>(milliseconds(300), std::chrono::seconds(2));
      began = sample(samples, n, patience, [&](auto mark) { arena.enqueue(mark); });
    }
    put(row, samples, n, began);
    row.put("p99_ns", samples.quantile(0.99));
  }
}
BENCHMARK(enqueue)->Name("start_latency/host_saturates_tbb/peer_task_arena")->Iterations(1)->UseRealTime();

}  // namespace
}  // namespace engin::bench
