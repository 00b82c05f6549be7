// Small promises that defects made by rule got past (test/mutants/survivors.md): each is one line of the library that
// nothing else noticed when it was gone.
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "engin/supervisor.h"
#include "engin/testing/recorder.h"
#include "engin/testing/virtual_runtime.h"
#include "runtime/virtual_world.h"
#include "test/support/scenario.h"

namespace engin {
namespace {

using namespace std::chrono_literals;
using namespace engin::test;

ENGIN_SCENARIO(SmallPromiseTest, AStatusIsToldByItsCodeAndMessage) {
  Supervisor& s = started();
  TaskHandle task =
      s.supervise([] { return absl::UnavailableError("no route"); }, {.on_exception = OnException::Ignore});
  task.wait();
  EXPECT_EQ(task.snapshot().last_failure->message(), "UNAVAILABLE: no route");
  EXPECT_THAT(task.snapshot().last_failure->type(), ::testing::HasSubstr("Status"));
  s.shutdown();
}

ENGIN_SCENARIO(SmallPromiseTest, ABadAllocKeepsNoExceptionAndOthersDo) {
  Supervisor& s = started();
  TaskHandle task = s.supervise(
      [] {
        if (this_task::attempt() == 2) throw std::runtime_error("broken");
        throw std::bad_alloc();
      },
      {.on_exception = OnException::Retry, .backoff = Backoff::constant(1s)});
  const auto kept = [&] { return task.snapshot().last_failure->exception() != nullptr; };
  world.run_until_idle();
  EXPECT_FALSE(kept());
  world.advance(1s);
  EXPECT_TRUE(kept());
  world.advance(1s);
  EXPECT_FALSE(kept());
  EXPECT_EQ(task.snapshot().first_failures.size(), 3u);
  s.shutdown();
}

ENGIN_SCENARIO(SmallPromiseTest, TheOnlyFailureIsTheFirstAndTheLast) {
  Supervisor& s = started();
  TaskHandle task = s.supervise(throws("once"), {.on_exception = OnException::Ignore});
  world.run_until_idle();
  const TaskSnapshot seen = task.snapshot();
  ASSERT_EQ(seen.first_failures.size(), 1u);
  EXPECT_EQ(seen.first_failures[0].message(), "once");
  ASSERT_EQ(seen.last_failures.size(), 1u);
  EXPECT_EQ(seen.last_failures[0].message(), "once");
  s.shutdown();
}

ENGIN_SCENARIO(SmallPromiseTest, TheCauseHasTheTasksIdAndTheReportItsRestarts) {
  Supervisor& s = started();
  s.supervise(until_stopped());
  TaskHandle task = s.supervise(
      [] {
        if (this_task::attempt() < 4) throw std::runtime_error("again");
        throw std::logic_error("enough");
      },
      {.on_exception = OnException::Retry,
       .retry_if = [](const Failure& f) { return f.message() == "again"; },
       .backoff = Backoff::constant(1ms)});
  const ShutdownReport& report = s.wait();
  EXPECT_EQ(report.cause.task, task.id());
  EXPECT_EQ(report.total_restarted, 3u);
}

ENGIN_SCENARIO(SmallPromiseTest, OneThatNeverStartedIsToldToHaveStopped) {
  Supervisor& s = make();
  TaskHandle task = s.supervise(until_stopped(), {.name = "idle"});
  EXPECT_EQ(task.stop(), StopResult::Stopped);
  s.start();
  world.run_until_idle();
  EXPECT_EQ(count(EventKind::Stopped, "idle"), 1u);
  s.shutdown();
}

ENGIN_SCENARIO(SmallPromiseTest, TheShutdownBringsADeadlineThatWasLaterForward) {
  Supervisor& s = started({.shutdown_timeout = 2s});
  rules.by_hand = rules.deadline_came = true;
  std::optional<Duration> left;
  TaskHandle task = s.supervise(
      [&] {
        block(10s);
        left = this_task::stop_deadline() - world.now();
      },
      {.stop_timeout = 1h});
  world.run_until_idle();
  task.request_stop();
  world.run_until_idle();
  EXPECT_EQ(s.shutdown().duration, 2s);
  finish();
  EXPECT_EQ(left, std::optional<Duration>(-8s)) << "it looked after ten seconds, and had two";
}

ENGIN_SCENARIO(SmallPromiseTest, TheSnapshotCountsWhatIsReady) {
  Supervisor& s = started();
  s.supervise(until_stopped());
  s.supervise(until_stopped());
  EXPECT_EQ(s.snapshot().ready, world.ready_jobs());
  EXPECT_GE(s.snapshot().ready, 2u);
  s.shutdown();
}

ENGIN_SCENARIO(SmallPromiseTest, TheReportKeepsAThousandLateFailuresAndCountsTheRest) {
  Supervisor& s = started({.stop_order = StopOrder::Reverse});
  periodic(s.supervise(every(1ms, throws()), {.on_exception = OnException::Ignore}));
  s.supervise(slow_to_stop(1100ms));  // taken down first; the other one goes on meanwhile
  world.run_until_idle();
  const ShutdownReport& report = s.shutdown();
  EXPECT_EQ(report.secondary.size(), 1000u);
  EXPECT_GT(report.late_failures, 1000u);
}

ENGIN_SCENARIO(SmallPromiseTest, TheReportHasAThousandEntriesThoseThatAreNotCleanFirst) {
  Supervisor& s = started();
  for (int i = 0; i < 1100; ++i) s.supervise(until_stopped());
  for (int i = 0; i < 400; ++i) hooked(s.supervise(until_stopped(), {.shutdown_hook = throws()}));
  world.run_until_idle();
  const ShutdownReport& report = s.shutdown();
  EXPECT_EQ(report.tasks_total, 1500u);
  EXPECT_EQ(report.tasks_stopped, 1500u);
  EXPECT_EQ(report.bad_hooks, 400u);
  ASSERT_EQ(report.tasks.size(), 1000u);
  for (std::size_t i = 0; i < report.tasks.size(); ++i) {
    EXPECT_EQ(report.tasks[i].clean, i >= 400);
    EXPECT_EQ(report.tasks[i].id, i < 400 ? i + 1101 : i - 399);
  }
}

ENGIN_SCENARIO(SmallPromiseTest, ARestartThatTheLimitDidNotCountIsNotTakenBack) {
  Supervisor& s = started();
  rules.by_hand = true;
  TaskHandle task = s.supervise(
      [] {
        if (this_task::attempt() != 2) throw std::runtime_error("again");
      },
      {.on_exception = OnException::Retry,
       .backoff = Backoff::constant(1s),
       .restart_limit = {.max_restarts = 2, .window = 1min, .then = OnLimit::GiveUp},
       .on_return = OnReturn::Restart});
  world.run_until_idle();
  world.advance(1s);
  ASSERT_EQ(task.state(), TaskState::Backoff) << "the second attempt returned";
  EXPECT_EQ(task.snapshot().restarts_used, 1u);
  EXPECT_EQ(task.restart(), RestartResult::Started);
  world.run_until_idle();
  EXPECT_EQ(task.snapshot().restarts_used, 2u) << "those after the first and the third attempt, which failed";
  world.advance(1s);
  EXPECT_EQ(task.state(), TaskState::GaveUp);
  EXPECT_EQ(task.snapshot().attempt, 4u);
  s.shutdown();
}

ENGIN_SCENARIO(SmallPromiseTest, ATokenAskedForLateHasFiredAndTheNextAttemptHasAFreshOne) {
  Supervisor& s = started();
  std::vector<bool> fired;
  TaskHandle task = s.supervise([&]() -> Co<> {
    if (this_task::attempt() == 2) {
      fired.push_back(this_task::stop_token().stop_requested());
      co_return;
    }
    while (co_await sleep_for(1h)) {
    }
    fired.push_back(this_task::stop_token().stop_requested());
    fired.push_back(this_task::stop_token() == this_task::stop_token());
  });
  world.run_until_idle();
  task.restart();
  EXPECT_EQ(task.wait(), Outcome::Completed);
  EXPECT_EQ(fired, std::vector<bool>({true, true, false}));
  s.shutdown();
}

ENGIN_SCENARIO(SmallPromiseTest, AStopCallbackIsInsideItsTask) {
  Supervisor& s = started();
  std::optional<bool> fired;
  StopReason reason = StopReason::None;
  std::optional<Duration> left;
  TaskHandle task = s.supervise(
      [&](std::stop_token stop) -> Co<> {
        const std::stop_callback callback(stop, [&] {
          fired = this_task::stop_token().stop_requested();
          reason = this_task::stop_reason();
          left = this_task::stop_deadline() - world.now();
          EXPECT_EQ(this_task::attempt(), 1u);
        });
        while (co_await sleep_for(1h)) {
        }
      },
      {.stop_timeout = 7s});
  world.run_until_idle();
  EXPECT_EQ(task.stop(1h), StopResult::Stopped);
  EXPECT_EQ(fired, std::optional(true));
  EXPECT_EQ(reason, StopReason::Requested);
  EXPECT_EQ(left, std::optional<Duration>(7s));
  s.shutdown();
}

ENGIN_SCENARIO(SmallPromiseTest, ASleepOfNoTimeTellsOfTheStopToo) {
  Supervisor& s = started();
  std::vector<bool> slept;
  TaskHandle task = s.supervise([&]() -> Co<> {
    slept.push_back(co_await sleep_for(0s));
    while (co_await sleep_for(1h)) {
    }
    slept.push_back(co_await sleep_for(0s));
    slept.push_back(co_await sleep_for(0s, ignore_stop));
  });
  world.run_until_idle();
  EXPECT_EQ(task.stop(1s), StopResult::Stopped);
  EXPECT_EQ(slept, std::vector<bool>({true, false, true}));
  s.shutdown();
}

ENGIN_SCENARIO(SmallPromiseTest, TheLastEventOfAShutdownThatWasForcedTellsWhatItsReportTells) {
  Supervisor& s = started({.shutdown_timeout = 5s});
  rules.deadline_came = true;
  s.supervise([this] { block(1h); }, {.name = "hangs", .stop_timeout = 1s});
  s.supervise([this] { block(1h); }, {.name = "late", .stop_timeout = 1h});
  world.run_until_idle();
  const TimePoint begin = world.now();
  EXPECT_EQ(s.shutdown().duration, 5s);
  EXPECT_EQ(world.now() - begin, 5s) << "it returned when the report was made, and not when its own patience was over";
  world.run_until_idle();
  std::optional<Event> ended;
  for (const Event& e : log()) {
    if (e.kind == EventKind::ShutdownEnded) ended = e;
  }
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->duration, 5s);
  EXPECT_FALSE(ended->detail.empty()) << "two stragglers";
  finish();
}

ENGIN_SCENARIO(SmallPromiseTest, EachFailedCallIsToldWithItsOwnFailure) {
  Supervisor& s = started();
  int calls = 0;
  const auto fails = [&] { throw std::runtime_error(std::to_string(++calls)); };
  const OnException handled = seed % 2 == 0 ? OnException::Ignore : OnException::Retry;
  periodic(s.supervise(every(1s, fails), {.name = "t", .on_exception = handled, .backoff = Backoff::constant(1s)}));
  world.advance(2s);
  s.shutdown();
  std::vector<std::string> told;
  for (const Event& e : log()) {
    if (e.kind == EventKind::Failed) told.push_back(e.failure->message());
  }
  EXPECT_EQ(told, std::vector<std::string>({"1", "2", "3"}));
}

ENGIN_SCENARIO(SmallPromiseTest, WhatAHookCapturedGoesWithItsTaskThoughThereIsAHandle) {
  Supervisor& s = started();
  auto captured = std::make_shared<int>();
  const std::weak_ptr<int> kept = captured;
  TaskHandle task = hooked(s.supervise(until_stopped(), {.shutdown_hook = [c = std::move(captured)] {}}));
  world.run_until_idle();
  s.shutdown();
  EXPECT_TRUE(kept.expired());
  EXPECT_EQ(task.state(), TaskState::Stopped);
}

ENGIN_SCENARIO(SmallPromiseTest, WhatRetryIfCapturedGoesWithItsTaskThoughThereIsAHandle) {
  Supervisor& s = started();
  auto captured = std::make_shared<int>();
  const std::weak_ptr<int> kept = captured;
  TaskHandle task = s.supervise(throws(), {.on_exception = OnException::Retry,
                                           .retry_if = [c = std::move(captured)](const Failure&) { return false; },
                                           .restart_limit = {.then = OnLimit::GiveUp}});
  world.run_until_idle();
  ASSERT_EQ(task.state(), TaskState::GaveUp);
  EXPECT_FALSE(kept.expired()) << "it may be started again";
  EXPECT_TRUE(task.remove());
  world.run_until_idle();
  EXPECT_TRUE(kept.expired());
  s.shutdown();
}

ENGIN_SCENARIO(SmallPromiseTest, ATaskStartedAgainShowsNothingOfItsEarlierStop) {
  Supervisor& s = started();
  rules.by_hand = true;
  TaskHandle task = hooked(s.supervise(until_stopped(), {.shutdown_hook = [] {}}));
  world.run_until_idle();
  EXPECT_EQ(task.stop(1s), StopResult::Stopped);
  EXPECT_EQ(task.snapshot().hook, HookResult::Returned);
  task.restart();
  world.run_until_idle();
  EXPECT_EQ(task.snapshot().hook, HookResult::None);
  EXPECT_EQ(task.snapshot().stop_reason, StopReason::None);
  s.shutdown();
}

ENGIN_SCENARIO(SmallPromiseTest, ATaskStartedAgainHasItsDelaysAndItsLimitAnew) {
  Supervisor& s = started();
  rules.by_hand = true;
  TaskHandle task =
      s.supervise(throws(), {.on_exception = OnException::Retry,
                             .backoff = Backoff::schedule({1s, 2s, 4s}),
                             .restart_limit = {.max_restarts = 2, .window = 1h, .then = OnLimit::GiveUp}});
  const auto delay = [&] { return task.snapshot().next_attempt.value_or(world.now()) - world.now(); };
  world.run_until_idle();
  for (int life = 0; life < 3; ++life) {
    EXPECT_EQ(delay(), 1s);
    world.advance(1s);
    EXPECT_EQ(delay(), 2s);
    world.advance(2s);
    EXPECT_EQ(task.state(), TaskState::GaveUp);
    EXPECT_EQ(task.restart(), RestartResult::Started);
    world.run_until_idle();
  }
  s.shutdown();
}

ENGIN_SCENARIO(SmallPromiseTest, HowAnEarlierAttemptEndedIsNothingToTheDeadline) {
  Supervisor& s = started({.shutdown_timeout = 0s});
  rules.by_hand = rules.deadline_came = true;
  Wakeup go;
  TaskHandle task = hooked(s.supervise(
      [&]() -> Co<> {
        if (this_task::attempt() == 1) (void)co_await go.wait();
        throw std::runtime_error("broken");
      },
      {.on_exception = OnException::Retry, .backoff = Backoff::constant(1h), .shutdown_hook = [] {}}));
  world.run_until_idle();
  task.request_stop();
  EXPECT_EQ(task.restart(), RestartResult::WhenEnded);
  go.notify();  // with some seeds it fails before its hook begins, and so is no stopped one
  world.run_until_idle();
  ASSERT_EQ(task.state(), TaskState::Backoff) << "its second attempt";
  s.shutdown();  // with some seeds the deadline comes before anybody is told to stop
  EXPECT_EQ(task.state(), TaskState::Stopped);
  finish();
}

ENGIN_SCENARIO(SmallPromiseTest, WhoIsAskedToStopAtTheDeadlineIsLateSinceThen) {
  Supervisor& s = started({.shutdown_timeout = 0s});
  rules.deadline_came = true;
  s.supervise(until_stopped());
  world.advance(1h);
  s.shutdown();
  finish();
  for (const Event& e : log()) {
    if (e.kind == EventKind::Straggler || e.kind == EventKind::StragglerEnded) {
      EXPECT_EQ(e.duration, 0s);
    }
  }
}

ENGIN_SCENARIO(SmallPromiseTest, ANewAttemptHasNoDeadlineOfAnEarlierStop) {
  Supervisor& s = started();
  TimePoint until{};
  TaskHandle task = s.supervise([&](std::stop_token) -> Co<> {
    while (this_task::attempt() == 1 && co_await sleep_for(1h)) {
    }
    until = this_task::stop_deadline();
  });
  world.run_until_idle();
  task.restart();
  EXPECT_EQ(task.wait(), Outcome::Completed);
  EXPECT_EQ(until, TimePoint::max());
  s.shutdown();
}

ENGIN_SCENARIO(SmallPromiseTest, AnAttemptThatRunsHasNoNextOne) {
  Supervisor& s = started();
  TaskHandle task = s.supervise(
      []() -> Co<> {
        if (this_task::attempt() == 1) throw std::runtime_error("again");
        (void)co_await sleep_for(1h);
      },
      {.on_exception = OnException::Retry, .backoff = Backoff::constant(1s)});
  world.run_until_idle();
  EXPECT_EQ(task.snapshot().next_attempt, std::optional(world.now() + 1s));
  world.advance(1s);
  EXPECT_EQ(task.state(), TaskState::Waiting);
  EXPECT_EQ(task.snapshot().next_attempt, std::nullopt);
  s.shutdown();
}

ENGIN_SCENARIO(SmallPromiseTest, ACallBeforeTheFirstOneLeavesTheScheduleAsItIs) {
  Supervisor& s = started();
  const TimePoint begin = world.now();
  std::vector<Duration> calls;
  TaskHandle task = periodic(s.supervise(every(10s, [&] { calls.push_back(world.now() - begin); }, {.first = 5s})));
  world.advance(1s);
  task.restart();
  world.advance(14s);
  EXPECT_EQ(calls, std::vector<Duration>({1s, 5s, 15s}));
  s.shutdown();
}

TEST(SmallPromiseTest, ShutdownWaitsForWhatTheExceptionsOfARemovedTaskHold) {
  struct SlowToGo {
    testing::VirtualRuntime* world;
    ~SlowToGo() {
      world->world().wait(nullptr, [] { return false; }, world->now() + 3s);
    }
  };
  struct Holds : std::runtime_error {
    explicit Holds(testing::VirtualRuntime& w) : std::runtime_error("holds"), held(new SlowToGo{&w}) {}
    std::shared_ptr<SlowToGo> held;
  };
  for (std::uint64_t seed = 1; seed <= Seeds; ++seed) {
    testing::VirtualRuntime world(seed);
    Supervisor s({.default_observer = false, .runtime = world});  // no observer: events hold what they tell of
    s.start();
    TaskHandle failed = s.supervise([&] { throw Holds(world); }, {.on_exception = OnException::Ignore});
    TaskHandle stopped = s.supervise([&]() -> Co<> {
      (void)co_await sleep_for(1h);
      throw Holds(world);
    });
    world.run_until_idle();
    EXPECT_EQ(stopped.stop(1s), StopResult::Stopped);
    EXPECT_TRUE((seed % 2 == 0 ? failed : stopped).remove());
    EXPECT_EQ(s.shutdown().duration, 3s) << seed;
    EXPECT_TRUE((seed % 2 == 1 ? failed : stopped).wait().failure()) << "kept for who has its handle";
  }
}

/// Blocks once, for longer than the shutdown may take.
struct SlowObserver final : Observer {
  explicit SlowObserver(Scenario& s) : scenario(s) {}
  void on_event(const Event& e) override {
    if (e.kind != EventKind::StopRequested) return;
    scenario.block(62s);
    returned = scenario.world.now();
  }
  Scenario& scenario;
  std::optional<TimePoint> returned;
};

ENGIN_SCENARIO(SmallPromiseTest, AReportDoesNotChangeWhenTheObserverThatItNamesReturns) {
  const auto observer = std::make_shared<SlowObserver>(*this);
  Supervisor& s = started({.shutdown_timeout = 5s, .observers = {observer}});
  rules.deadline_came = true;
  s.supervise(until_stopped());
  world.run_until_idle();
  const ShutdownReport& report = s.shutdown();
  EXPECT_FALSE(report.clean());
  EXPECT_GT(report.undelivered_events, 0u) << "at least the one that it is told now";
  EXPECT_FALSE(observer->returned);
  const ShutdownReport before = report;
  world.advance(1min);
  EXPECT_TRUE(observer->returned);
  EXPECT_EQ(report.undelivered_events, before.undelivered_events) << "a report does not change any more";
  EXPECT_EQ(report.stragglers.size(), before.stragglers.size());
}

ENGIN_SCENARIO(SmallPromiseTest, TheDestructorWaitsForAnObserverThatOutlastsTheReport) {
  const auto observer = std::make_shared<SlowObserver>(*this);
  Supervisor& s = started({.shutdown_timeout = 5s, .observers = {observer}});
  rules.deadline_came = true;
  s.supervise(until_stopped());
  world.run_until_idle();
  s.shutdown();
  EXPECT_FALSE(observer->returned);
  finish();
  EXPECT_EQ(observer->returned, world.now()) << "and no longer";
}

ENGIN_SCENARIO(SmallPromiseTest, TheDestructorWaitsForACallbackOfItsTokenThatOutlastsTheReport) {
  Supervisor& s = started({.shutdown_timeout = 5s});
  rules.deadline_came = true;
  std::optional<TimePoint> returned;
  const std::stop_callback slow(s.stop_token(), [&] {
    block(62s);
    returned = world.now();
  });
  s.supervise(until_stopped());
  world.run_until_idle();
  const ShutdownReport& report = s.shutdown();
  ASSERT_EQ(report.stragglers.size(), 1u);
  EXPECT_EQ(report.stragglers[0].what, "stop callback");
  EXPECT_FALSE(returned);
  finish();
  EXPECT_EQ(returned, world.now()) << "and no longer";
}

ENGIN_SCENARIO(SmallPromiseTest, TheDestructorNamesTheTasksThatItWaitsFor) {
  Supervisor& s = started({.shutdown_timeout = 1s});
  rules.deadline_came = true;
  for (const char* name : {"one", "two"}) s.supervise([this] { block(12s); }, {.name = name});
  world.run_until_idle();
  s.shutdown();
  EXPECT_THAT(finish(), ::testing::HasSubstr("waits for user code that did not end: one, two\n"));
}

ENGIN_SCENARIO(SmallPromiseTest, AnObserverThatWouldWaitForItselfIsToldSo) {
  struct Waits final : Observer {
    void on_event(const Event& e) override {
      if (e.kind != EventKind::ShutdownBegan) return;
      try {
        supervisor->wait_all();
      } catch (const WouldDeadlock& error) {
        text = error.what();
      }
    }
    Supervisor* supervisor = nullptr;
    std::string text;
  };
  const auto observer = std::make_shared<Waits>();
  Supervisor& s = make({.observers = {observer}});
  observer->supervisor = &s;
  s.start();
  s.supervise(until_stopped());
  world.run_until_idle();
  s.shutdown();
  EXPECT_THAT(
      observer->text,
      ::testing::HasSubstr("called in an observer or stop callback of the same supervisor would wait for itself"));
}

ENGIN_SCENARIO(SmallPromiseTest, ATaskWhoseEndShutsDownHasEndedBeforeSoItsHookIsNotDue) {
  Supervisor& s = started();
  int hooks = 0;
  TaskOptions options{.on_return = OnReturn::Shutdown, .shutdown_hook = [&] { ++hooks; }};
  const TaskHandle task =
      seed % 2 == 0 ? s.supervise([] {}, std::move(options)) : s.supervise(throws(), std::move(options));
  ASSERT_NE(s.wait_for(1min), nullptr);
  EXPECT_EQ(hooks, 0);
  EXPECT_EQ(task.wait(), seed % 2 == 0 ? Outcome::Completed : Outcome::Failed);
}

ENGIN_SCENARIO(SmallPromiseTest, AStragglersEventSaysSinceWhenItWasAskedToStop) {
  Supervisor& s = started();
  s.supervise([this] { block(10s); }, {.name = "late", .stop_timeout = 3s});
  world.run_until_idle();
  s.shutdown();
  ASSERT_EQ(count(EventKind::Straggler), 1u);
  for (const Event& e : log()) {
    if (e.kind == EventKind::Straggler) {
      EXPECT_EQ(e.duration, 3s);
    }
  }
}

ENGIN_SCENARIO(SmallPromiseTest, OfTwoThreadsThatGiveTheSameNameOneIsRefused) {
  Supervisor& s = started();
  int refused = 0;
  world.world().interrupt(2);
  for (int i = 0; i < 2; ++i) {
    world.spawn([&] {
      try {
        s.supervise(until_stopped(), {.name = "uplink"});
      } catch (const DuplicateName&) {
        ++refused;
      }
    });
  }
  world.run_until_idle();
  world.world().interrupt(0);
  EXPECT_EQ(refused, 1);
  EXPECT_EQ(s.snapshot().tasks.size(), 1u);
  s.shutdown();
}

TEST(SmallPromiseTest, AnEmptyHandleHasAState) { EXPECT_TRUE(is_ended(TaskHandle().state())); }

}  // namespace
}  // namespace engin
