// From just before a failure to the first instruction of the next attempt.
//
// The floor is the same callable, called through the same trampoline, in a loop that keeps nothing of the failure; a
// coroutine's floor makes the new frame too. It runs on a runner of the same supervisor, in turns with what it is
// compared with.
#include <atomic>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <tbb/task_arena.h>
#include <unistd.h>

#include "support.h"

namespace engin::bench {
namespace {

using detail::BodyPtr;
using detail::PromiseBase;
using detail::RawEnd;

constexpr const char* kMessage = "connection refused";

enum class By { Throw, Status };

/// Fails so many times in a row, then returns. Timed: takes the time before each failure, and first thing in each
/// attempt; otherwise only before the first failure and after the last restart.
template <bool timed>
class Script {
 public:
  explicit Script(std::uint64_t failures) : failures_(failures), left_(failures) {
    if constexpr (timed) samples.reserve(failures);
  }

  void began() {
    if constexpr (timed) {
      const TimePoint now = Clock::now();
      if (failed_before_) samples.add(now - failing_at_);
    }
  }
  bool fails() {
    if (left_ == 0) {
      finished = true;
      ended_at_ = Clock::now();
      return false;
    }
    if constexpr (timed) {
      failed_before_ = true;
      failing_at_ = Clock::now();
    } else if (left_ == failures_) {
      began_at_ = Clock::now();
    }
    --left_;
    return true;
  }
  double ns_per_restart() const {
    return static_cast<double>((ended_at_ - began_at_).count()) / static_cast<double>(failures_);
  }

  bool finished = false;
  Samples samples;

 private:
  std::uint64_t failures_;
  std::uint64_t left_;
  bool failed_before_ = false;
  TimePoint failing_at_{};
  TimePoint began_at_{};
  TimePoint ended_at_{};
};

template <By by, bool timed>
struct Plain;
template <bool timed>
struct Plain<By::Throw, timed> {
  Script<timed>* script;
  void operator()() const {
    script->began();
    if (script->fails()) throw std::runtime_error(kMessage);
  }
};
template <bool timed>
struct Plain<By::Status, timed> {
  Script<timed>* script;
  absl::Status operator()() const {
    script->began();
    return script->fails() ? absl::UnavailableError(kMessage) : absl::OkStatus();
  }
};

template <By by, bool timed>
struct Coroutine;
template <bool timed>
struct Coroutine<By::Throw, timed> {
  Script<timed>* script;
  Co<> operator()() const {
    script->began();
    if (script->fails()) throw std::runtime_error(kMessage);
    co_return;
  }
};
template <bool timed>
struct Coroutine<By::Status, timed> {
  Script<timed>* script;
  Co<absl::Status> operator()() const {
    script->began();
    co_return script->fails() ? absl::UnavailableError(kMessage) : absl::OkStatus();
  }
};

/// Until the script has come to its end. The frame of a coroutine is resumed once, which is all it needs.
template <class Callable, bool timed>
void run_floor(Callable callable, const Script<timed>& script) {
  const BodyPtr body = detail::make_body(std::move(callable));
  benchmark::DoNotOptimize(body.get());
  const std::stop_token token;
  while (!script.finished) {
    RawEnd end;
    PromiseBase* frame = nullptr;
    body->ops->run(*body, token, end, frame);
    if (frame != nullptr) {
      frame->self.resume();
      frame->take_root(*frame, end);
      frame->self.destroy();
    }
    benchmark::DoNotOptimize(end);
  }
}

/// One supervisor, in which blocks of restarts are run in turns with their floor.
class Contest {
 public:
  explicit Contest(Row& row, SupervisorOptions options = quiet()) : row_(row), supervisor_(std::move(options)) {
    supervisor_.start();
  }

  template <class Callable, bool timed>
  void restart(Callable callable, const Script<timed>& script, std::uint64_t failures, By by) {
    const TaskHandle task = supervisor_.supervise(
        std::move(callable), {.on_exception = OnException::Retry, .backoff = Backoff::immediate()});
    task.wait();
    failures_ += failures;
    ++tasks_;
    const TaskSnapshot seen = task.snapshot();
    row_.check(script.finished, "the callable was not called to its end");
    row_.check(seen.state == TaskState::Completed, "the task did not complete");
    row_.check(seen.attempt == failures + 1 && seen.started == failures + 1 && seen.restarted == failures,
               "attempts and restarts do not agree with the loop count");
    row_.check(seen.failed == failures && seen.completed == 1, "failures do not agree with the loop count");
    const std::size_t kept = std::min<std::size_t>(failures, 16);
    row_.check(seen.first_failures.size() == kept && seen.last_failures.size() == kept, "a kept failure is missing");
    row_.check(seen.last_failure.has_value() && seen.last_failure->attempt() == failures &&
                   seen.last_failure->message() ==
                       (by == By::Throw ? std::string(kMessage) : std::string("UNAVAILABLE: ") + kMessage),
               "the last failure is not that of the last failed attempt");
  }

  template <class Callable, bool timed>
  void floor(Callable callable, const Script<timed>& script) {
    supervisor_.supervise([&] { run_floor(std::move(callable), script); }).wait();
    ++tasks_;
    row_.check(script.finished, "the floor did not run to its end");
  }

  /// Checks the totals.
  void end() {
    const SupervisorSnapshot seen = supervisor_.snapshot();
    row_.check(seen.total_tasks == tasks_ && seen.total_failed == failures_ && seen.total_restarted == failures_ &&
                   seen.total_started == tasks_ + failures_ && seen.total_completed == tasks_,
               "the supervisor's totals do not agree with the loop count");
    row_.check(supervisor_.shutdown().clean(), "the shutdown was not clean");
  }

 private:
  Row& row_;
  Supervisor supervisor_;
  std::uint64_t failures_ = 0;
  std::uint64_t tasks_ = 0;
};

// --- The distribution. ---

constexpr std::uint64_t kBlock = 1000;

template <template <By, bool> class Callable, By by>
void latency(benchmark::State& state) {
  Row row(state);
  const int blocks = sized(4, 200);
  for (auto _ : state) {
    Contest contest(row);
    Samples ours;
    Samples floor;
    for (int i = -1; i < blocks; ++i) {  // the first one warms up
      Script<true> first(kBlock);
      contest.floor(Callable<by, true>{&first}, first);
      Script<true> second(kBlock);
      contest.restart(Callable<by, true>{&second}, second, kBlock, by);
      if (i < 0) continue;
      floor.add_all(first.samples);
      ours.add_all(second.samples);
    }
    contest.end();
    row.check(ours.size() == static_cast<std::size_t>(blocks) * kBlock, "a restart was not measured");
    const double p50 = ours.quantile(0.5);
    const double floor_p50 = floor.quantile(0.5);
    if (by == By::Throw) {
      row.at_most("ratio_to_floor", p50 / floor_p50, 1.20);
      row.put("p50_ns", p50);
    } else {
      row.put("ratio_to_floor", p50 / floor_p50);
      row.at_most("p50_ns", p50, 150);
    }
    row.put("p99_ns", ours.quantile(0.99));
    row.put("floor_p50_ns", floor_p50);
    row.put("floor_p99_ns", floor.quantile(0.99));
  }
}
BENCHMARK(latency<Plain, By::Throw>)->Name("restart_latency/throw/callable")->Iterations(1)->UseRealTime();
BENCHMARK(latency<Coroutine, By::Throw>)->Name("restart_latency/throw/coroutine")->Iterations(1)->UseRealTime();
BENCHMARK(latency<Plain, By::Status>)->Name("restart_latency/status/callable")->Iterations(1)->UseRealTime();
BENCHMARK(latency<Coroutine, By::Status>)->Name("restart_latency/status/coroutine")->Iterations(1)->UseRealTime();

// --- The mean of each block, without a clock in the loop; the median of the blocks. ---

template <template <By, bool> class Callable, By by>
void loop(benchmark::State& state) {
  Row row(state);
  const int blocks = sized(10, 1000);
  for (auto _ : state) {
    Contest contest(row);
    std::vector<double> ours;
    std::vector<double> floors;
    std::vector<double> ratios;
    for (int i = -1; i < blocks; ++i) {
      Script<false> first(kBlock);
      contest.floor(Callable<by, false>{&first}, first);
      Script<false> second(kBlock);
      contest.restart(Callable<by, false>{&second}, second, kBlock, by);
      if (i < 0) continue;
      floors.push_back(first.ns_per_restart());
      ours.push_back(second.ns_per_restart());
      ratios.push_back(second.ns_per_restart() / first.ns_per_restart());
    }
    contest.end();
    row.put("ns_per_restart", median(ours));
    row.put("floor_ns", median(floors));
    if (by == By::Throw) {
      row.at_most("ratio_to_floor", median(ratios), 1.20);
    } else {
      row.put("ratio_to_floor", median(ratios));
      row.at_most("bookkeeping_ns", median(ours) - median(floors), 100);
    }
  }
}
BENCHMARK(loop<Plain, By::Throw>)->Name("restart_loop/throw/callable")->Iterations(1)->UseRealTime();
BENCHMARK(loop<Coroutine, By::Throw>)->Name("restart_loop/throw/coroutine")->Iterations(1)->UseRealTime();
BENCHMARK(loop<Plain, By::Status>)->Name("restart_loop/status/callable")->Iterations(1)->UseRealTime();
BENCHMARK(loop<Coroutine, By::Status>)->Name("restart_loop/status/coroutine")->Iterations(1)->UseRealTime();

// --- With observers. ---

class Counting final : public Observer {
 public:
  void on_event(const Event& event) override { failures += event.kind == EventKind::Failed ? 1U : 0U; }
  std::atomic<std::uint64_t> failures = 0;
};

/// Sends standard error to nowhere.
class Silence {
 public:
  Silence() : kept_(dup(STDERR_FILENO)) {
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(nowhere, STDERR_FILENO);
    close(nowhere);
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
  ~Silence() {
    dup2(kept_, STDERR_FILENO);
    close(kept_);
  }

 private:
  int kept_;
};

template <By by, bool by_default_observer>
void observed(benchmark::State& state) {
  Row row(state);
  const std::uint64_t restarts = sized<std::uint64_t>(4, 200) * kBlock;
  for (auto _ : state) {
    const Silence silence;
    auto counting = std::make_shared<Counting>();
    SupervisorOptions options = quiet();
    options.default_observer = by_default_observer;
    if (!by_default_observer) options.observers.push_back(counting);
    Contest contest(row, std::move(options));
    Script<true> script(restarts);
    contest.restart(Plain<by, true>{&script}, script, restarts, by);
    contest.end();
    row.check(by_default_observer || counting->failures == restarts, "the observer did not hear of each failure");
    row.put("p50_ns", script.samples.quantile(0.5));
    row.put("p99_ns", script.samples.quantile(0.99));
  }
}
BENCHMARK(observed<By::Throw, false>)->Name("restart_latency/throw/counting_observer")->Iterations(1)->UseRealTime();
BENCHMARK(observed<By::Status, false>)->Name("restart_latency/status/counting_observer")->Iterations(1)->UseRealTime();
BENCHMARK(observed<By::Throw, true>)->Name("restart_latency/throw/default_observer")->Iterations(1)->UseRealTime();
BENCHMARK(observed<By::Status, true>)->Name("restart_latency/status/default_observer")->Iterations(1)->UseRealTime();

// --- Peers. ---

template <class Drive>
void peer(benchmark::State& state, std::uint64_t restarts, Drive drive) {
  Row row(state);
  for (auto _ : state) {
    Script<true> script(restarts);
    drive(Plain<By::Throw, true>{&script}, script);
    row.check(script.finished && script.samples.size() == restarts, "the callable was not called to its end");
    row.put("p50_ns", script.samples.quantile(0.5));
    row.put("p99_ns", script.samples.quantile(0.99));
  }
}

void inlined(benchmark::State& state) {
  peer(state, sized<std::uint64_t>(4, 200) * kBlock, [](auto callable, const auto& script) {
    while (!script.finished) {
      try {
        callable();
      } catch (const std::exception&) {
      }
    }
  });
}
BENCHMARK(inlined)->Name("restart_latency/throw/peer_inlined_catch")->Iterations(1)->UseRealTime();

struct Again {
  tbb::task_arena* arena;
  Plain<By::Throw, true> callable;
  std::atomic<bool>* done;
  void operator()() const {
    try {
      callable();
      done->store(true);
    } catch (const std::exception&) {
      arena->enqueue(*this);
    }
  }
};

void enqueued(benchmark::State& state) {
  peer(state, sized<std::uint64_t>(4, 200) * kBlock, [](auto callable, const auto& /*script*/) {
    tbb::task_arena arena(2, 1);
    std::atomic<bool> done = false;
    arena.enqueue(Again{&arena, callable, &done});
    while (!done.load()) std::this_thread::sleep_for(std::chrono::microseconds(100));
  });
}
BENCHMARK(enqueued)->Name("restart_latency/throw/peer_task_arena")->Iterations(1)->UseRealTime();

void thread_each(benchmark::State& state) {
  peer(state, sized<std::uint64_t>(100, 5000), [](auto callable, const auto& script) {
    while (!script.finished) {
      const std::jthread thread([&] {
        try {
          callable();
        } catch (const std::exception&) {
        }
      });
    }
  });
}
BENCHMARK(thread_each)->Name("restart_latency/throw/peer_jthread_each")->Iterations(1)->UseRealTime();

}  // namespace
}  // namespace engin::bench
