// What follows an attempt, cell by cell, with results of this test's own: changing one cell of the library's table or
// of this one makes it fail.
#include <algorithm>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "engin/supervisor.h"
#include "test/support/scenario.h"

namespace engin {
namespace {

using namespace std::chrono_literals;
using namespace engin::test;

/// How an attempt can end.
enum class End {
  Returns,
  ThrowsStd,
  ThrowsInt,
  BadStatus,
  CoThrows,
  CoBadStatus,
  ThrowsFromALocalsDestructor,
  CopyThrows,
  ForeignCancellation,  // it throws what a cancelled operation throws, but nobody cancelled it
  StoppedWithoutStop,   // engin::Stopped, unasked
  ThrowsAfterStop,      // stop was requested of it
  StoppedAfterStop,     // the same, by engin::Stopped
  BadStatusAfterStop,
  ReturnsAfterStop,
  ThrowsAfterHookStarted,  // its hook runs, stop was not requested yet
  ReturnsAfterHookStarted,
};
constexpr End Ends[] = {End::Returns,
                        End::ThrowsStd,
                        End::ThrowsInt,
                        End::BadStatus,
                        End::CoThrows,
                        End::CoBadStatus,
                        End::ThrowsFromALocalsDestructor,
                        End::CopyThrows,
                        End::ForeignCancellation,
                        End::StoppedWithoutStop,
                        End::ThrowsAfterStop,
                        End::StoppedAfterStop,
                        End::BadStatusAfterStop,
                        End::ReturnsAfterStop,
                        End::ThrowsAfterHookStarted,
                        End::ReturnsAfterHookStarted};

/// What the first attempt leads to.
struct Expected {
  EventKind event;
  Decision decision;
  TaskState state;  // soon after
  std::optional<ShutdownCause::Kind> shutdown;
};

Expected expected(End end, OnException on_exception, OnReturn on_return) {
  using enum EventKind;
  using Cause = ShutdownCause::Kind;
  switch (end) {
    case End::Returns:
      switch (on_return) {
        case OnReturn::Finish:
          return {Completed, Decision::Finish, TaskState::Completed, {}};
        case OnReturn::Restart:
          return {Completed, Decision::Restart, TaskState::Backoff, {}};
        case OnReturn::Shutdown:
          return {Completed, Decision::Shutdown, TaskState::Completed, Cause::TaskReturned};
      }
      break;
    case End::ThrowsStd:
    case End::ThrowsInt:
    case End::BadStatus:
    case End::CoThrows:
    case End::CoBadStatus:
    case End::ThrowsFromALocalsDestructor:
    case End::CopyThrows:
    case End::ForeignCancellation:
    case End::StoppedWithoutStop:
      switch (on_exception) {
        case OnException::Shutdown:
          return {Failed, Decision::Shutdown, TaskState::Failed, Cause::TaskFailed};
        case OnException::Retry:
          return {Failed, Decision::Restart, TaskState::Backoff, {}};
        case OnException::Ignore:
          return {Failed, Decision::Ignore, TaskState::Failed, {}};
      }
      break;
    case End::ThrowsAfterStop:
    case End::StoppedAfterStop:
    case End::BadStatusAfterStop:
    case End::ReturnsAfterStop:
    case End::ThrowsAfterHookStarted:
    case End::ReturnsAfterHookStarted:
      return {Stopped, Decision::None, TaskState::Stopped, {}};
  }
  throw std::logic_error("no such cell");
}

class Cancelled : public std::exception {};

struct ThrowsAtItsEnd {
  ~ThrowsAtItsEnd() noexcept(false) { throw std::runtime_error("destructor"); }
};

struct ThrowsWhenCopied {
  ThrowsWhenCopied() = default;
  ThrowsWhenCopied(const ThrowsWhenCopied&) { throw std::bad_alloc(); }
  ThrowsWhenCopied(ThrowsWhenCopied&&) = default;
};

bool stops(End end) { return end >= End::ThrowsAfterStop; }

TaskHandle supervise(Supervisor& s, End end, TaskOptions options) {
  const auto after_stop = [](auto then) {
    return [then] {
      while (this_task::sleep_for(1h)) {
      }
      return then();
    };
  };
  // Ends 1 s after the stop began; its hook takes 2 s.
  const auto during_hook = [](bool throwing) {
    return [throwing](std::stop_token stop) -> Co<> {
      while (this_task::stop_reason() == StopReason::None) (void)co_await sleep_for(100ms);
      (void)co_await sleep_for(1s);
      EXPECT_FALSE(stop.stop_requested());
      if (throwing) throw std::runtime_error("during the hook");
    };
  };
  switch (end) {
    case End::Returns:
      return s.supervise([] {}, options);
    case End::ThrowsStd:
      return s.supervise([] { throw std::runtime_error("std"); }, options);
    case End::ThrowsInt:
      return s.supervise([] { throw 42; }, options);
    case End::BadStatus:
      return s.supervise([] { return absl::UnavailableError("status"); }, options);
    case End::CoThrows:
      return s.supervise(
          []() -> Co<> {
            (void)co_await yield();
            throw std::runtime_error("coroutine");
          },
          options);
    case End::CoBadStatus:
      return s.supervise([]() -> Co<absl::Status> { co_return absl::InternalError("status"); }, options);
    case End::ThrowsFromALocalsDestructor:
      return s.supervise([] { const ThrowsAtItsEnd local; }, options);
    case End::CopyThrows:
      return s.supervise([original = ThrowsWhenCopied()] { [[maybe_unused]] const ThrowsWhenCopied copy = original; },
                         options);
    case End::ForeignCancellation:
      return s.supervise([] { throw Cancelled(); }, options);
    case End::StoppedWithoutStop:
      return s.supervise([] { throw Stopped(); }, options);
    case End::ThrowsAfterStop:
      return s.supervise(after_stop([] { throw std::runtime_error("late"); }), options);
    case End::StoppedAfterStop:
      return s.supervise(after_stop([] { throw Stopped(); }), options);
    case End::BadStatusAfterStop:
      return s.supervise(after_stop([]() -> absl::Status { return absl::CancelledError("late"); }), options);
    case End::ReturnsAfterStop:
      return s.supervise(after_stop([] {}), options);
    case End::ThrowsAfterHookStarted:
    case End::ReturnsAfterHookStarted:
      options.shutdown_hook = []() -> Co<> { (void)co_await sleep_for(2s); };
      return s.supervise(during_hook(end == End::ThrowsAfterHookStarted), options);
  }
  throw std::logic_error("no such end");
}

class Cell : public Scenario {
 public:
  Cell(std::uint64_t s, End e, OnException x, OnReturn r) : Scenario(s), end(e), on_exception(x), on_return(r) {}

  void run() override {
    Supervisor& s = make();
    const TaskHandle task =
        engin::supervise(s, end, {.name = "t", .on_exception = on_exception, .on_return = on_return});
    if (end >= End::ThrowsAfterHookStarted) hooked(task);
    s.start();
    world.run_until_idle();
    if (stops(end)) {
      EXPECT_EQ(task.stop(1min), StopResult::Stopped);
      EXPECT_EQ(task.wait(), Outcome::Stopped);
      const bool threw = end != End::ReturnsAfterStop && end != End::ReturnsAfterHookStarted;
      EXPECT_EQ(task.wait().failure().has_value(), threw);
    }
    const Expected expect = expected(end, on_exception, on_return);
    const auto events = recorder->events("t");
    const auto first = std::find_if(events.begin(), events.end(), [](const Event& e) {
      return e.kind == EventKind::Failed || e.kind == EventKind::Completed || e.kind == EventKind::Stopped;
    });
    ASSERT_NE(first, events.end());
    EXPECT_EQ(first->kind, expect.event);
    EXPECT_EQ(first->decision, expect.decision);
    EXPECT_EQ(task.state(), expect.state);
    EXPECT_EQ(task.snapshot().failed, expect.event == EventKind::Failed ? 1u : 0u);  // S10
    EXPECT_EQ(task.snapshot().completed, expect.event == EventKind::Completed ? 1u : 0u);
    EXPECT_EQ(s.shutdown_cause().has_value(), expect.shutdown.has_value());
    if (expect.shutdown && s.shutdown_cause()) {
      EXPECT_EQ(s.shutdown_cause()->kind, *expect.shutdown);
    }
    world.advance(1h);
    const bool again = expect.decision == Decision::Restart;
    EXPECT_EQ(task.snapshot().attempt > 1, again);
    s.shutdown();
  }

  const End end;
  const OnException on_exception;
  const OnReturn on_return;
};

TEST(DecisionTest, EveryCellLeadsToWhatTheTableOfThisTestSays) {
  for (const End end : Ends) {
    for (const OnException x : {OnException::Shutdown, OnException::Retry, OnException::Ignore}) {
      for (const OnReturn r : {OnReturn::Finish, OnReturn::Restart, OnReturn::Shutdown}) {
        for (std::uint64_t seed = 1; seed <= 5; ++seed) {
          SCOPED_TRACE("end " + std::to_string(static_cast<int>(end)) + ", on_exception " +
                       std::to_string(static_cast<int>(x)) + ", on_return " + std::to_string(static_cast<int>(r)) +
                       ", seed " + std::to_string(seed));
          Cell cell(seed, end, x, r);
          cell.run();
          cell.check();
          if (HasFailure()) return;
        }
      }
    }
  }
}

/// The same while the application goes down: whatever the options say, nothing starts again, and what came before the
/// hook's or the request's begin is a failure like any other, told and counted.
ENGIN_SCENARIO(DecisionTest, AFailureWhileOthersStopIsCountedAndFollowedByNothing) {
  Supervisor& s = make();
  int thrown = 0;
  for (const OnException x : {OnException::Shutdown, OnException::Retry, OnException::Ignore}) {
    hooked(s.supervise(
        [&]() -> Co<> {
          (void)co_await sleep_for(1ms * (this_task::attempt() * 3), ignore_stop);
          ++thrown;
          throw std::runtime_error("meanwhile");
        },
        {.on_exception = x, .backoff = Backoff::immediate(), .shutdown_hook = [] {}}));
  }
  s.start();
  world.advance(2ms);
  s.request_shutdown();
  const ShutdownReport& report = s.wait();
  const std::size_t told = count(EventKind::Failed);
  std::size_t attached = 0;
  for (const Event& e : recorder->events(EventKind::Stopped)) attached += e.failure ? 1 : 0;
  EXPECT_EQ(told + attached, static_cast<std::size_t>(thrown));  // S10
  EXPECT_EQ(report.total_failed, told);
  EXPECT_EQ(count(EventKind::ShutdownBegan), 1u);
}

}  // namespace
}  // namespace engin
