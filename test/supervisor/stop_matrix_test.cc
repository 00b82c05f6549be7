// The stop protocol on every path, with every kind of hook and of task: what happens, when, and what is reported.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "engin/detail/access.h"
#include "engin/supervisor.h"
#include "test/support/scenario.h"

namespace engin {
namespace {

using namespace std::chrono_literals;
using namespace engin::test;

enum class Path { Asked, Signal, TaskFailed, LimitReached, TaskReturned, StopHandle, Destructor };
enum class HookKind { None, Quick, Slow, Throws, Hangs, Coroutine, BadStatus, CallsBack };
enum class BodyKind { Prompt, Plain, Slow, Hangs, Throws, EndsByItself, InBackoff };

constexpr Path Paths[] = {Path::Asked,        Path::Signal,     Path::TaskFailed, Path::LimitReached,
                          Path::TaskReturned, Path::StopHandle, Path::Destructor};
constexpr HookKind HookKinds[] = {HookKind::None,  HookKind::Quick,     HookKind::Slow,      HookKind::Throws,
                                  HookKind::Hangs, HookKind::Coroutine, HookKind::BadStatus, HookKind::CallsBack};
constexpr BodyKind BodyKinds[] = {BodyKind::Prompt, BodyKind::Plain,        BodyKind::Slow,     BodyKind::Hangs,
                                  BodyKind::Throws, BodyKind::EndsByItself, BodyKind::InBackoff};

constexpr Duration Begin = 10s;  // when the stop begins
constexpr Duration HookTimeout = 3s;
constexpr Duration StopTimeout = 5s;
constexpr Duration HungFor = 12s;      // a hook
constexpr Duration BodyHungFor = 30s;  // a body, from the request of stop

class Cell : public Scenario {
 public:
  Cell(std::uint64_t s, Path p, HookKind h, BodyKind b) : Scenario(s), path(p), hook(h), body(b) {}

  void run() override {
    Supervisor& s = make({.name = "matrix"});
    task = add_task(s);
    if (hook != HookKind::None) hooked(task);
    add_culprit(s);
    s.start();
    world.advance(Begin);
    begun = recorder->events().front().time + Begin;
    ASSERT_EQ(world.now(), begun);
    stop();
    check_task();
    if (path != Path::Destructor) check_report();
  }

 private:
  TaskHandle add_task(Supervisor& s) {
    TaskOptions options{.name = "t", .hook_timeout = HookTimeout, .stop_timeout = StopTimeout};
    set_hook(options, s);
    switch (body) {
      case BodyKind::Prompt:
        return s.supervise(until_stopped(), options);
      case BodyKind::Plain:
        return s.supervise(plain_until_stopped(), options);
      case BodyKind::Slow:
        return s.supervise(slow_to_stop(2s), options);
      case BodyKind::Hangs:
        return s.supervise(slow_to_stop(BodyHungFor), options);
      case BodyKind::Throws:
        return s.supervise(
            []() -> Co<> {
              while (co_await sleep_for(1h)) {
              }
              throw std::runtime_error("in the clean-up");
            },
            options);
      case BodyKind::EndsByItself:
        return s.supervise([]() -> Co<> { (void)co_await sleep_for(Begin + 1s, ignore_stop); }, options);
      case BodyKind::InBackoff:
        options.on_exception = OnException::Retry;
        options.backoff = Backoff::constant(1h);
        return s.supervise(throws(), options);
    }
    throw std::logic_error("no such task");
  }

  void set_hook(TaskOptions& options, Supervisor& s) {
    const auto enters = [this] {
      ++hook_ran;
      hook_at = world.now();
      hook_reason = this_task::stop_reason();
    };
    switch (hook) {
      case HookKind::None:
        return;
      case HookKind::Quick:
        options.shutdown_hook = [=] { enters(); };
        return;
      case HookKind::Slow:
        options.shutdown_hook = [=, this] {
          enters();
          block(2s);
        };
        return;
      case HookKind::Throws:
        options.shutdown_hook = [=] {
          enters();
          throw std::runtime_error("no good");
        };
        return;
      case HookKind::Hangs:
        options.shutdown_hook = [=, this](std::stop_token token) {
          enters();
          block(HungFor);
          EXPECT_TRUE(token.stop_requested());
        };
        return;
      case HookKind::Coroutine:
        options.shutdown_hook = [=](std::stop_token) -> Co<> {
          enters();
          EXPECT_TRUE(co_await sleep_for(2s));
        };
        return;
      case HookKind::BadStatus:
        options.shutdown_hook = [=] {
          enters();
          return absl::InternalError("no good");
        };
        return;
      case HookKind::CallsBack:
        options.shutdown_hook = [=, this, &s] {
          enters();
          std::ostringstream out;
          s.dump(out);
          (void)s.snapshot();
          task.request_stop();
          EXPECT_FALSE(task.remove());
          EXPECT_THROW(task.wait(), WouldDeadlock);
          if (path != Path::StopHandle) {
            s.request_shutdown("again");
            EXPECT_THROW(s.supervise([] {}), SupervisorStopping);
            EXPECT_EQ(task.restart(), RestartResult::Refused);
          }
        };
        return;
    }
  }

  /// Who causes the shutdown, on the paths where it is a task.
  void add_culprit(Supervisor& s) {
    const auto fails = []() -> Co<> {
      (void)co_await sleep_for(Begin);
      throw std::runtime_error("the cause");
    };
    if (path == Path::TaskFailed) s.supervise(fails, {.name = "culprit"});
    if (path == Path::LimitReached) {
      s.supervise(fails, {.name = "culprit", .on_exception = OnException::Retry, .restart_limit = {.max_restarts = 0}});
    }
    if (path == Path::TaskReturned) {
      s.supervise([]() -> Co<> { (void)co_await sleep_for(Begin); },
                  {.name = "culprit", .on_return = OnReturn::Shutdown});
    }
  }

  void stop() {
    Supervisor& s = supervisor();
    switch (path) {
      case Path::Asked:
        s.shutdown();
        return;
      case Path::Signal:
        detail::Access::request_shutdown(s, {.kind = ShutdownCause::Kind::Signal, .signal = 15});
        s.wait();
        return;
      case Path::TaskFailed:
      case Path::LimitReached:
      case Path::TaskReturned:
        s.wait();
        return;
      case Path::StopHandle:
        EXPECT_EQ(task.stop(), hung() ? StopResult::TimedOut : StopResult::Stopped);
        EXPECT_EQ(world.now() - begun, settled_after());
        if (hung()) {
          EXPECT_EQ(task.stop(1h), StopResult::Stopped);
          EXPECT_EQ(world.now() - begun, hook_time() + BodyHungFor);
        }
        world.advance(1h);
        s.shutdown();
        return;
      case Path::Destructor:
        finish();
        return;
    }
  }

  // --- What must come of it, from the design.

  bool hung() const { return body == BodyKind::Hangs; }
  Duration hook_time() const {
    switch (hook) {
      case HookKind::Slow:
      case HookKind::Coroutine:
        return 2s;
      case HookKind::Hangs:
        return HookTimeout;
      default:
        return 0s;
    }
  }
  HookResult hook_result() const {
    switch (hook) {
      case HookKind::None:
        return HookResult::None;
      case HookKind::Throws:
      case HookKind::BadStatus:
        return HookResult::Failed;
      case HookKind::Hangs:
        return HookResult::TimedOut;
      default:
        return HookResult::Returned;
    }
  }
  bool hook_is_good() const { return hook_result() == HookResult::None || hook_result() == HookResult::Returned; }
  /// From the stop's begin until the task has ended or is a straggler.
  Duration settled_after() const {
    switch (body) {
      case BodyKind::Slow:
        return hook_time() + 2s;
      case BodyKind::Hangs:
        return hook_time() + StopTimeout;
      case BodyKind::EndsByItself:
        return std::max<Duration>(hook_time(), 1s);
      default:
        return hook_time();
    }
  }
  std::size_t requests() const {
    if (body == BodyKind::InBackoff) return 0;
    if (body == BodyKind::EndsByItself && hook_time() > 1s) return 0;  // it was over before
    return 1;
  }

  void check_task() {
    EXPECT_EQ(hook_ran, hook == HookKind::None ? 0 : 1);  // S3
    if (hook_ran > 0) {
      EXPECT_EQ(hook_at, begun);
      EXPECT_EQ(hook_reason, path == Path::StopHandle ? StopReason::Requested : StopReason::Shutdown);
    }
    EXPECT_EQ(count(EventKind::StopRequested, "t"), requests());  // S4
    for (const Event& e : recorder->events("t")) {
      if (e.kind != EventKind::StopRequested) continue;
      EXPECT_EQ(e.time - begun, hook_time());
    }
    EXPECT_EQ(count(EventKind::AttemptStarted, "t"), 1u);  // S5
    EXPECT_EQ(count(EventKind::Failed, "t"), body == BodyKind::InBackoff ? 1u : 0u);
    EXPECT_EQ(count(EventKind::Straggler, "t"), hung() ? 1u : 0u);
    EXPECT_EQ(count(EventKind::ShutdownBegan), 1u);
    if (hung() && path != Path::StopHandle && path != Path::Destructor) return;
    EXPECT_EQ(task.state(), TaskState::Stopped);
    const auto outcome = task.wait_for(0s);
    ASSERT_TRUE(outcome.has_value());
    EXPECT_EQ(*outcome, Outcome::Stopped);  // S11
    EXPECT_EQ(outcome->failure().has_value(), body == BodyKind::Throws);
    const auto last = task.snapshot().last_stop_latency;
    if (requests() == 1) {
      const Duration latency = body == BodyKind::Slow           ? 2s
                               : hung()                         ? BodyHungFor
                               : body == BodyKind::EndsByItself ? Duration(1s) - hook_time()
                                                                : Duration(0s);
      EXPECT_EQ(last, std::optional<Duration>(latency));
    }
  }

  void check_report() {
    const ShutdownReport& report = *supervisor().wait_for(0s);
    if (path != Path::StopHandle) {
      EXPECT_EQ(report.duration, settled_after());  // T2
      std::vector<std::string> late;
      for (const Straggler& straggler : report.stragglers) late.push_back(straggler.name + "'s " + straggler.what);
      std::vector<std::string> expected;
      if (hung()) expected.push_back("t's body");
      if (hook == HookKind::Hangs) expected.push_back("t's hook");
      EXPECT_THAT(late, ::testing::UnorderedElementsAreArray(expected));
      const ShutdownTask* entry = report.find("t");
      ASSERT_NE(entry, nullptr);
      EXPECT_EQ(entry->hook, hook_result());
      if (hook != HookKind::None) {
        EXPECT_EQ(entry->hook_duration, hook_time());
      }
      EXPECT_EQ(entry->hook_failure.find("no good") != std::string::npos, hook_result() == HookResult::Failed);
      EXPECT_EQ(entry->clean, hook_is_good() && !hung());
      EXPECT_EQ(entry->outcome.has_value(), !hung());
      EXPECT_EQ(report.bad_hooks, hook_is_good() ? 0u : 1u);
    } else {
      EXPECT_EQ(report.duration, 0s);
      EXPECT_EQ(task.snapshot().hook, hook_result());
    }
    EXPECT_EQ(report.late_failures, 0u);
    using Kind = ShutdownCause::Kind;
    const Kind kind = path == Path::Signal         ? Kind::Signal
                      : path == Path::TaskFailed   ? Kind::TaskFailed
                      : path == Path::LimitReached ? Kind::LimitReached
                      : path == Path::TaskReturned ? Kind::TaskReturned
                                                   : Kind::Requested;
    EXPECT_EQ(report.cause.kind, kind);
    if (kind == Kind::TaskFailed || kind == Kind::LimitReached) {
      EXPECT_EQ(report.exit_code(), 1);
      EXPECT_EQ(report.cause.failure->message(), "the cause");
    } else {
      const bool clean = hook_is_good() && (path == Path::StopHandle || !hung());
      EXPECT_EQ(report.clean(), clean) << report;
      EXPECT_EQ(report.exit_code(), clean ? 0 : 2);
    }
  }

  const Path path;
  const HookKind hook;
  const BodyKind body;
  TaskHandle task;
  TimePoint begun{};
  int hook_ran = 0;
  TimePoint hook_at{};
  StopReason hook_reason = StopReason::None;
};

class StopMatrixTest : public ::testing::TestWithParam<Path> {};

TEST_P(StopMatrixTest, EveryHookAndTask) {
  for (const HookKind hook : HookKinds) {
    for (const BodyKind body : BodyKinds) {
      for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        SCOPED_TRACE("hook " + std::to_string(static_cast<int>(hook)) + ", task " +
                     std::to_string(static_cast<int>(body)) + ", seed " + std::to_string(seed));
        Cell cell(seed, GetParam(), hook, body);
        cell.run();
        cell.check();
        if (HasFailure()) return;
      }
    }
  }
}

std::string path_name(const ::testing::TestParamInfo<Path>& path) {
  constexpr const char* names[] = {"Asked",        "Signal",     "TaskFailed", "LimitReached",
                                   "TaskReturned", "StopHandle", "Destructor"};
  return names[static_cast<int>(path.param)];
}
INSTANTIATE_TEST_SUITE_P(Paths, StopMatrixTest, ::testing::ValuesIn(Paths), path_name);

}  // namespace
}  // namespace engin
