// The runtime below the supervisor, beside oneTBB's own arena.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>
#include <tbb/task_arena.h>

#include "base/futex.h"
#include "runtime/restart_scheduler.h"
#include "runtime/runner_pool.h"
#include "runtime/runtime.h"
#include "runtime/threaded_runtime.h"
#include "runtime/timer_queue.h"

namespace engin::runtime {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct QuietListener final : Listener {
  void runner_added(int /*runners*/) noexcept override {}
  void starving(std::size_t /*ready*/, bool /*refused*/) noexcept override {}
};

class StartedRuntime {
 public:
  explicit StartedRuntime(int runners) : runtime_(make_threaded_runtime({.runners = runners})) {
    runtime_->start(listener_);
  }
  StartedRuntime(const StartedRuntime&) = delete;
  StartedRuntime& operator=(const StartedRuntime&) = delete;
  ~StartedRuntime() { runtime_->stop(); }
  Runtime* operator->() { return runtime_.get(); }
  Runtime& operator*() { return *runtime_; }

 private:
  QuietListener listener_;
  std::shared_ptr<Runtime> runtime_;
};

/// Counts down to zero; one thread waits for that.
class Countdown {
 public:
  void set(std::uint32_t n) { left_.store(n); }
  void hit() {
    if (left_.fetch_sub(1) == 1) base::futex_wake_all(left_);
  }
  void wait() const {
    for (std::uint32_t left; (left = left_.load()) != 0;) base::futex_wait(left_, left, TimePoint::max());
  }

 private:
  base::FutexWord left_{0};
};

// --- Posting again: what a coroutine that yields costs the runtime. ---

constexpr std::size_t kYielders = 1000;
constexpr int kYields = 1000;

struct Yielder : Job {
  explicit Yielder() : Job(kType) {}
  static void run(Job& job) noexcept {
    auto& self = static_cast<Yielder&>(job);
    if (--self.left > 0) {
      self.runtime->post(self, Lane::Ready);
    } else {
      self.ended->hit();
    }
  }
  static constexpr JobType kType{&Yielder::run, milliseconds(1)};
  Runtime* runtime = nullptr;
  Countdown* ended = nullptr;
  int left = 0;
};

void BM_Repost(benchmark::State& state) {
  StartedRuntime runtime(static_cast<int>(state.range(0)));
  std::vector<Yielder> yielders(static_cast<std::size_t>(state.range(1)));
  const int yields = static_cast<int>(kYielders * kYields / yielders.size());
  Countdown ended;
  for (auto _ : state) {
    ended.set(static_cast<std::uint32_t>(yielders.size()));
    for (auto& yielder : yielders) {
      yielder.runtime = &*runtime;
      yielder.ended = &ended;
      yielder.left = yields;
      runtime->post(yielder, Lane::Ready);
    }
    ended.wait();
  }
  for (const auto& yielder : yielders) {
    if (yielder.left != 0) state.SkipWithError("a job did not run to its end");
  }
  state.SetItemsProcessed(state.iterations() * yields * static_cast<std::int64_t>(yielders.size()));
}
BENCHMARK(BM_Repost)
    ->ArgNames({"runners", "jobs"})
    ->Args({1, 1000})
    ->Args({2, 1000})
    ->Args({1, 1})
    ->Args({2, 1})
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

// The same by enqueueing from inside a task.
void BM_RepostArena(benchmark::State& state) {
  tbb::task_arena arena(static_cast<int>(state.range(0)) + 1, 1);
  Countdown ended;
  struct Again {
    tbb::task_arena* arena;
    Countdown* ended;
    int left;
    void operator()() const {
      if (left > 1) {
        arena->enqueue(Again{arena, ended, left - 1});
      } else {
        ended->hit();
      }
    }
  };
  for (auto _ : state) {
    ended.set(kYielders);
    for (std::size_t i = 0; i < kYielders; ++i) arena.enqueue(Again{&arena, &ended, kYields});
    ended.wait();
  }
  state.SetItemsProcessed(state.iterations() * kYields * static_cast<std::int64_t>(kYielders));
}
BENCHMARK(BM_RepostArena)
    ->ArgName("workers")
    ->Arg(1)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

// --- From post() on a foreign thread to the job's first instruction. ---

struct Stamp : Job {
  Stamp() : Job(kType) {}
  static void run(Job& job) noexcept {
    auto& self = static_cast<Stamp&>(job);
    self.at = Clock::now();
    self.ran.store(true, std::memory_order_release);
  }
  static constexpr JobType kType{&Stamp::run, milliseconds(1)};
  TimePoint at;
  std::atomic<bool> ran{false};
};

void BM_StartLatency(benchmark::State& state) {
  StartedRuntime runtime(2);
  Stamp job;
  for (auto _ : state) {
    std::this_thread::sleep_for(microseconds(state.range(0)));
    job.ran.store(false, std::memory_order_relaxed);
    const TimePoint start = Clock::now();
    runtime->post(job, Lane::Ready);
    while (!job.ran.load(std::memory_order_acquire)) {
    }
    state.SetIterationTime(std::chrono::duration<double>(job.at - start).count());
  }
}
BENCHMARK(BM_StartLatency)->ArgName("idle_us")->Arg(0)->Arg(10'000)->UseManualTime()->Unit(benchmark::kMicrosecond);

void BM_StartManyPosted(benchmark::State& state) {
  StartedRuntime runtime(static_cast<int>(state.range(0)));
  constexpr std::size_t kJobs = 100'000;
  std::vector<Yielder> jobs(kJobs);
  Countdown ended;
  for (auto _ : state) {
    ended.set(kJobs);
    for (auto& job : jobs) {
      job.runtime = &*runtime;
      job.ended = &ended;
      job.left = 1;
      runtime->post(job, Lane::Fresh);
    }
    ended.wait();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kJobs));
}
BENCHMARK(BM_StartManyPosted)
    ->ArgName("runners")
    ->Arg(1)
    ->Arg(2)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

// --- Until n jobs that block all run. ---

struct Blocker : Job {
  explicit Blocker(const JobType& t) : Job(t) {}
  static void run(Job& job) noexcept {
    auto& self = static_cast<Blocker&>(job);
    self.begun->hit();
    self.release->wait();
    self.ended->hit();
  }
  static constexpr JobType kPlain{&Blocker::run, microseconds(200)};
  static constexpr JobType kDeclared{&Blocker::run, Duration::zero()};
  Countdown* begun = nullptr;
  Countdown* release = nullptr;
  Countdown* ended = nullptr;
};

void BM_Growth(benchmark::State& state) {
  const auto n = static_cast<std::uint32_t>(state.range(0));
  for (auto _ : state) {
    StartedRuntime runtime(2);
    Countdown begun;
    Countdown release;
    Countdown ended;
    std::vector<std::unique_ptr<Blocker>> jobs;
    for (std::uint32_t i = 0; i < n; ++i) {
      jobs.push_back(std::make_unique<Blocker>(state.range(1) != 0 ? Blocker::kDeclared : Blocker::kPlain));
      jobs.back()->begun = &begun;
      jobs.back()->release = &release;
      jobs.back()->ended = &ended;
    }
    begun.set(n);
    release.set(1);
    ended.set(n);
    const TimePoint start = Clock::now();
    for (auto& job : jobs) runtime->post(*job, Lane::Fresh);
    begun.wait();
    state.SetIterationTime(std::chrono::duration<double>(Clock::now() - start).count());
    release.hit();
    ended.wait();
  }
}
BENCHMARK(BM_Growth)
    ->ArgNames({"jobs", "declared"})
    ->ArgsProduct({{8, 50, 500}, {0, 1}})
    ->MeasureProcessCPUTime()
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond)
    ->Iterations(10);

// --- Timers. ---

struct QuietTimer : Timer {
  QuietTimer() : Timer([](Timer&, std::uint32_t) noexcept -> Job* { return nullptr; }) {}
};

constexpr std::size_t kPending = 1'000'000;

// An hour, more or less.
TimePoint far_due(TimePoint now, std::size_t i) {
  return now + hours(1) + Duration(static_cast<Duration::rep>(i * 7'919'000 % 1'000'000'000'000));
}

void BM_TimerArmAndCancelOne(benchmark::State& state) {
  Deadlines deadlines;
  RunnerPool pool({}, deadlines);
  RestartScheduler scheduler(deadlines, pool);
  scheduler.start({.name = "timer"});
  std::vector<QuietTimer> pending(kPending);
  const TimePoint now = Clock::now();
  for (std::size_t i = 0; i < kPending; ++i) deadlines.rearm(pending[i], far_due(now, i), 0, nullptr);
  QuietTimer timer;
  std::size_t cancelled = 0;
  for (auto _ : state) {
    deadlines.rearm(timer, now + hours(1), 0, nullptr);
    cancelled += deadlines.cancel(timer) ? 1U : 0U;
  }
  if (cancelled != static_cast<std::size_t>(state.iterations())) state.SkipWithError("a timer was lost");
  for (auto& t : pending) deadlines.cancel(t);
  scheduler.stop();
}
BENCHMARK(BM_TimerArmAndCancelOne);

void BM_TimerCancelAMillion(benchmark::State& state) {
  Deadlines deadlines;
  RunnerPool pool({}, deadlines);
  RestartScheduler scheduler(deadlines, pool);
  scheduler.start({.name = "timer"});
  std::vector<QuietTimer> pending(kPending);
  double arm = 0;
  for (auto _ : state) {
    const TimePoint start = Clock::now();
    for (std::size_t i = 0; i < kPending; ++i) deadlines.rearm(pending[i], far_due(start, i), 0, nullptr);
    const TimePoint armed = Clock::now();
    std::size_t cancelled = 0;
    for (auto& t : pending) cancelled += deadlines.cancel(t) ? 1U : 0U;
    state.SetIterationTime(std::chrono::duration<double>(Clock::now() - armed).count());
    arm += std::chrono::duration<double>(armed - start).count();
    if (cancelled != kPending) state.SkipWithError("a timer was lost");
  }
  state.counters["arm_ms"] = benchmark::Counter(arm * 1e3 / static_cast<double>(state.iterations()));
  scheduler.stop();
}
BENCHMARK(BM_TimerCancelAMillion)->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(5);

// How late timers of ten milliseconds are, beside a million pending ones if wanted.
void BM_TimerLateness(benchmark::State& state) {
  Deadlines deadlines;
  RunnerPool pool({}, deadlines);
  RestartScheduler scheduler(deadlines, pool);
  scheduler.start({.name = "timer"});
  std::vector<QuietTimer> pending(static_cast<std::size_t>(state.range(0)));
  const TimePoint begin = Clock::now();
  for (std::size_t i = 0; i < pending.size(); ++i) deadlines.rearm(pending[i], far_due(begin, i), 0, nullptr);
  struct Stamping : Timer {
    Stamping() : Timer(&Stamping::fired) {}
    static Job* fired(Timer& timer, std::uint32_t /*tag*/) noexcept {
      auto& self = static_cast<Stamping&>(timer);
      self.at = Clock::now();
      self.done.hit();
      return nullptr;
    }
    TimePoint at;
    Countdown done;
  };
  double worst = 0;
  for (auto _ : state) {
    Stamping timer;
    timer.done.set(1);
    const TimePoint due = Clock::now() + milliseconds(10);
    deadlines.rearm(timer, due, 0, nullptr);
    timer.done.wait();
    const double late = std::chrono::duration<double>(timer.at - due).count();
    worst = late > worst ? late : worst;
    state.SetIterationTime(late);
  }
  state.counters["worst_us"] = benchmark::Counter(worst * 1e6);
  for (auto& t : pending) deadlines.cancel(t);
  scheduler.stop();
}
BENCHMARK(BM_TimerLateness)
    ->ArgName("pending")
    ->Arg(0)
    ->Arg(1'000'000)
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond)
    ->Iterations(100);

}  // namespace
}  // namespace engin::runtime
