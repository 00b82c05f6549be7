// One million coroutines, each a task, all asleep.
//
// The floor makes the same frames through the same trampoline, resumes each to where it would sleep, and then destroys
// all of them; it runs as a task, for only there may a coroutine of engin run at all.
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <malloc.h>
#include <unistd.h>

#include "support.h"

namespace engin::bench {
namespace {

struct Memory {
  double resident = 0;
  double allocated = 0;

  static Memory now() {
    Memory memory;
    const struct mallinfo2 heap = mallinfo2();
    memory.allocated = static_cast<double>(heap.uordblks + heap.hblkhd);
    if (std::FILE* file = std::fopen("/proc/self/statm", "re")) {
      long total = 0;
      long resident = 0;
      if (std::fscanf(file, "%ld %ld", &total, &resident) == 2) {
        memory.resident = static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
      }
      std::fclose(file);
    }
    return memory;
  }
};

struct Sleeper {
  std::atomic<std::size_t>* awake;
  Co<> operator()() const {
    awake->fetch_sub(1, std::memory_order_relaxed);
    const bool slept = co_await sleep_for(std::chrono::hours(1));
    if (slept) awake->fetch_add(1, std::memory_order_relaxed);
  }
};

struct Figures {
  double supervise = 0;
  double start = 0;
  double stop = 0;
  double destroy = 0;
  double floor = 0;
  double resident_each = 0;
  double allocated_each = 0;
};

/// Creates, resumes and destroys n frames.
double floor(std::size_t n) {
  std::atomic<std::size_t> awake = n;
  double took = 0;
  Supervisor supervisor(quiet(1));
  supervisor.start();
  supervisor
      .supervise([&] {
        const detail::BodyPtr body = detail::make_body(Sleeper{&awake});
        const std::stop_token token;
        std::vector<detail::PromiseBase*> frames(n);
        const TimePoint begin = Clock::now();
        for (auto& frame : frames) {
          detail::RawEnd end;
          body->ops->run(*body, token, end, frame);
          frame->self.resume();
        }
        for (auto* frame : frames) frame->self.destroy();
        took = seconds_of(Clock::now() - begin);
      })
      .wait();
  return took;
}

Figures measure(Row& row, std::size_t n) {
  Figures figures;
  malloc_trim(0);
  figures.floor = floor(n);
  malloc_trim(0);
  std::atomic<std::size_t> awake = n;
  const Memory before = Memory::now();
  TimePoint stopped;
  {
    Supervisor supervisor(quiet());
    TimePoint begin = Clock::now();
    const auto lap = [&begin] {
      const TimePoint now = Clock::now();
      return seconds_of(now - std::exchange(begin, now));
    };
    for (std::size_t i = 0; i < n; ++i) supervisor.supervise(Sleeper{&awake});
    figures.supervise = lap();
    supervisor.start();
    while (awake.load(std::memory_order_relaxed) > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    figures.start = lap();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const Memory during = Memory::now();
    figures.resident_each = (during.resident - before.resident) / static_cast<double>(n);
    figures.allocated_each = (during.allocated - before.allocated) / static_cast<double>(n);
    {
      const SupervisorSnapshot seen = supervisor.snapshot();
      row.check(seen.total_started == n && seen.total_failed == 0 && seen.tasks.size() == n,
                "the supervisor's totals do not agree with the loop count");
      for (const TaskSnapshot& task : seen.tasks) {
        row.check(task.state == TaskState::Waiting && task.attempt == 1, "a task does not sleep");
      }
    }
    lap();
    const ShutdownReport& report = supervisor.shutdown();
    figures.stop = lap();
    row.check(report.clean() && report.tasks_total == n && report.tasks_stopped == n, "not all tasks were stopped");
    row.check(awake == 0, "a coroutine was not cut short");
    begin = Clock::now();
    stopped = begin;
  }
  figures.destroy = seconds_of(Clock::now() - stopped);
  return figures;
}

void million(benchmark::State& state) {
  Row row(state);
  const auto n = sized<std::size_t>(20'000, 1'000'000);
  for (auto _ : state) {
    std::vector<Figures> all;
    for (int i = 0; i < 3; ++i) all.push_back(measure(row, n));
    const auto of = [&](auto get) {
      std::vector<double> values;
      for (const Figures& figures : all) values.push_back(get(figures));
      return median(values);
    };
    row.put("tasks", static_cast<double>(n));
    row.at_most("bytes_each_resident", of([](const Figures& f) { return f.resident_each; }), 600);
    row.at_most("bytes_each_allocated", of([](const Figures& f) { return f.allocated_each; }), 600);
    row.put("supervise_seconds", of([](const Figures& f) { return f.supervise; }));
    row.at_most("start_to_floor", of([](const Figures& f) { return f.start / f.floor; }), 3);
    row.at_most("stop_to_floor", of([](const Figures& f) { return f.stop / f.floor; }), 2);
    row.put("supervise_and_start_to_floor", of([](const Figures& f) { return (f.supervise + f.start) / f.floor; }));
    const double whole = static_cast<double>(n) / 1e6;
    row.at_most("start_seconds", of([](const Figures& f) { return f.start; }), 0.6 * whole);
    row.at_most("stop_seconds", of([](const Figures& f) { return f.stop; }), 0.5 * whole);
    row.put("floor_seconds", of([](const Figures& f) { return f.floor; }));
    row.put("destroy_seconds", of([](const Figures& f) { return f.destroy; }));
  }
}
BENCHMARK(million)->Name("million_sleeping")->Iterations(1)->UseRealTime();

}  // namespace
}  // namespace engin::bench
