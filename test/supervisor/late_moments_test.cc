// What comes late, early or twice: orders that a random walk seldom takes, each put together by hand.
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/types/span.h"
#include "engin/supervisor.h"
#include "engin/testing/recorder.h"
#include "engin/testing/virtual_runtime.h"
#include "runtime/virtual_world.h"
#include "test/support/scenario.h"

namespace engin {
namespace {

using namespace std::chrono_literals;
using namespace engin::test;

ENGIN_SCENARIO(LateMomentTest, AStoppedTaskThatIsStartedAgainFailsLikeAnyOther) {
  Supervisor& s = started();
  rules.by_hand = true;
  int hooks = 0;
  auto task = hooked(s.supervise(
      [] {
        while (this_task::attempt() == 1 && this_task::sleep_for(1h)) {
        }
        if (this_task::attempt() == 2) throw std::runtime_error("broken");
      },
      {.on_exception = OnException::Ignore, .shutdown_hook = [&] { ++hooks; }}));
  world.run_until_idle();
  EXPECT_EQ(task.stop(1s), StopResult::Stopped);
  task.restart();
  EXPECT_EQ(task.wait(), Outcome::Failed) << "the hook of the earlier stop has nothing to do with this attempt";
  EXPECT_EQ(task.snapshot().failed, 1u);
  EXPECT_EQ(hooks, 1);
  s.shutdown();
}

ENGIN_SCENARIO(LateMomentTest, WhoFailsLateIsNamedThoughItEndedStopped) {
  Supervisor& s = started({.stop_order = StopOrder::Reverse});
  periodic(s.supervise(every(1s, [] { throw std::runtime_error("broken"); }),
                       {.name = "late", .on_exception = OnException::Ignore}));
  s.supervise(slow_to_stop(1500ms), {.name = "slow"});
  world.run_until_idle();
  const ShutdownReport& report = s.shutdown();
  std::ostringstream text;
  text << report;
  EXPECT_EQ(report.find("late")->outcome, Outcome::Stopped);
  EXPECT_THAT(text.str(), ::testing::HasSubstr("late failure: task 'late' failed with runtime_error: broken\n"));
}

ENGIN_SCENARIO(LateMomentTest, AStopSaysItsReason) {
  Supervisor& s = started();
  TaskHandle asked = s.supervise(until_stopped(), {.name = "asked"});
  TaskHandle idle =
      s.supervise(throws(), {.name = "idle", .on_exception = OnException::Retry, .backoff = Backoff::constant(1h)});
  TaskHandle again = s.supervise(until_stopped(), {.name = "again"});
  s.supervise(until_stopped(), {.name = "shut down"});
  world.run_until_idle();
  asked.stop();
  idle.stop();
  again.restart();
  world.run_until_idle();
  s.shutdown();
  std::map<std::string, std::vector<StopReason>> reasons;
  for (const Event& e : log()) {
    if (e.kind == EventKind::Stopped) reasons[e.task_name].push_back(e.reason);
  }
  EXPECT_EQ(reasons["asked"], std::vector({StopReason::Requested}));
  EXPECT_EQ(reasons["idle"], std::vector({StopReason::Requested}));
  EXPECT_EQ(reasons["again"], std::vector({StopReason::Restart, StopReason::Shutdown}));
  EXPECT_EQ(reasons["shut down"], std::vector({StopReason::Shutdown}));
}

ENGIN_SCENARIO(LateMomentTest, EventsThatAreHeardAreNotReportedAsUndelivered) {
  Supervisor& s = started({.shutdown_timeout = 1s});
  rules.deadline_came = true;
  s.supervise([this] { block(1h); });
  world.run_until_idle();
  EXPECT_EQ(s.shutdown().undelivered_events, 0u);
  finish();
}

ENGIN_SCENARIO(LateMomentTest, WhatCancelThrowsIsTheTasksOwn) {
  Supervisor& s = started();
  std::optional<Resumer> resumer;
  TaskHandle task = s.supervise([&]() -> Co<> {
    auto start = [&](Resumer r) { resumer = std::move(r); };
    auto cancel = [&] {
      resumer.reset();
      throw std::runtime_error("from cancel");
    };
    co_await suspend(start, cancel);
  });
  world.run_until_idle();
  EXPECT_EQ(task.stop(1s), StopResult::Stopped);
  ASSERT_TRUE(task.wait().failure().has_value());
  EXPECT_EQ(task.wait().failure()->message(), "from cancel");
  s.shutdown();
}

ENGIN_SCENARIO(LateMomentTest, WhyATaskRestsIsTold) {
  Supervisor& s = started();
  TaskHandle limited =
      s.supervise(throws(), {.on_exception = OnException::Retry,
                             .backoff = Backoff::constant(1ms),
                             .restart_limit = {.max_restarts = 2, .window = 1min, .then = OnLimit::CoolDown(1h)}});
  TaskHandle refused = s.supervise(throws(), {.on_exception = OnException::Retry,
                                              .retry_if = [](const Failure&) { return false; },
                                              .restart_limit = {.then = OnLimit::CoolDown(1h)}});
  TaskHandle never =
      s.supervise(throws(), {.on_exception = OnException::Retry, .backoff = Backoff::constant(Duration::max())});
  world.advance(1s);
  EXPECT_THAT(limited.snapshot().explain(), ::testing::HasSubstr("its limit reached"));
  EXPECT_THAT(limited.snapshot().explain(), ::testing::HasSubstr("2 of 2 restarts used"));
  EXPECT_THAT(refused.snapshot().explain(), ::testing::HasSubstr("since retry_if refused"));
  EXPECT_THAT(refused.snapshot().explain(), ::testing::Not(::testing::HasSubstr("limit")));
  EXPECT_THAT(never.snapshot().explain(), ::testing::HasSubstr("in backoff for ever"));
  s.shutdown();
}

ENGIN_SCENARIO(LateMomentTest, ATaskEndsWhenItsStopCallbacksHaveReturned) {
  Supervisor& s = started();
  std::optional<std::stop_callback<std::function<void()>>> callback;  // outlives the attempt that it belongs to
  auto task = s.supervise([&](std::stop_token token) -> Co<> {
    callback.emplace(token, [this] { block(3s); });
    (void)co_await sleep_for(1s, ignore_stop);
  });
  world.run_until_idle();
  task.request_stop();
  world.run_until_idle();
  world.advance(2s);
  EXPECT_FALSE(is_ended(task.state())) << "the attempt has ended, the callback has not";
  world.advance(1s);
  EXPECT_EQ(task.state(), TaskState::Stopped);
  s.shutdown();
}

ENGIN_SCENARIO(LateMomentTest, OneThatStraggledSinceARestartIsNamedAgainIfItsCallbackOutlastsTheDeadline) {
  Supervisor& s = started({.shutdown_timeout = 20s, .stop_order = StopOrder::Reverse});
  std::optional<std::stop_callback<std::function<void()>>> callback;  // outlives the attempt that it belongs to
  auto task = s.supervise(
      [&](std::stop_token token) -> Co<> {
        callback.emplace(token, [this] { block(1h); });
        (void)co_await sleep_for(3s, ignore_stop);
      },
      {.name = "t", .stop_timeout = 1s});
  s.supervise(slow_to_stop(5s));  // taken down first; meanwhile the attempt of the other one ends
  world.run_until_idle();
  EXPECT_EQ(task.restart(), RestartResult::Started);
  world.advance(2s);
  EXPECT_EQ(task.state(), TaskState::Straggling);
  rules.deadline_came = true;
  const ShutdownReport& report = s.shutdown();
  ASSERT_EQ(report.stragglers.size(), 1u) << report;
  EXPECT_EQ(report.stragglers[0].name, "t");
  EXPECT_EQ(report.stragglers[0].what, "stop callback");
  EXPECT_EQ(count(EventKind::Straggler, "t"), 2u);
  EXPECT_EQ(report.duration, 20s);
  world.advance(1h);
}

// The request of the restart is a job, since somebody has asked for the token. The attempt ends before that job runs,
// and stop is requested of the next one, whose token nobody has asked for, at once.
TEST(LateMomentSeedsTest, AStopJobThatComesLateAsksNoNewerAttemptAgain) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    testing::VirtualRuntime world(seed);
    const auto recorder = std::make_shared<testing::Recorder>();
    Supervisor s({.observers = {recorder}, .default_observer = false, .runtime = world});
    TaskHandle task;
    task = s.supervise([&]() -> Co<> {
      if (this_task::attempt() == 1) {
        (void)this_task::stop_token();
        task.restart();
        co_return;
      }
      task.request_stop();
      (void)co_await sleep_for(1s, ignore_stop);
    });
    s.start();
    world.run_until_idle();
    world.advance(1s);
    EXPECT_EQ(task.state(), TaskState::Stopped);
    std::map<std::uint64_t, int> requests;
    for (const Event& event : recorder->events()) {
      if (event.kind == EventKind::StopRequested) ++requests[event.attempt];
    }
    for (const auto& [attempt, times] : requests) {
      EXPECT_EQ(times, 1) << "attempt " << attempt << ", seed " << seed;
    }
    s.shutdown();
  }
}

ENGIN_SCENARIO(LateMomentTest, TheSupervisorsTokenFiresBeforeAnyHook) {
  Supervisor& s = started();
  int hooks = 0;
  int hooks_before = -1;
  for (int i = 0; i < 3; ++i) hooked(s.supervise(until_stopped(), {.shutdown_hook = [&] { ++hooks; }}));
  const std::stop_callback callback(s.stop_token(), [&] { hooks_before = hooks; });
  world.run_until_idle();
  world.world().interrupt(2);  // so that other things run in the midst of what begins the shutdown
  s.shutdown();
  world.world().interrupt(0);
  EXPECT_EQ(hooks_before, 0);
  EXPECT_EQ(hooks, 3);
}

TEST(LateTimerTest, TheTimeoutOfAHooksEarlierRunDoesNotEndTheNextOne) {
  struct First final : runtime::Chooser {
    // What is ready goes before timers, however late they are.
    std::size_t choose(std::size_t) override { return 0; }
    std::size_t next(absl::Span<const std::uint64_t>) override { return 0; }
    bool interrupts(absl::Span<const std::uint64_t>) override { return false; }
  } first;
  testing::VirtualRuntime world(1);
  int runs = 0;
  Supervisor s({.default_observer = false, .runtime = world});
  s.start();
  auto task = s.supervise(until_stopped(), {.shutdown_hook =
                                                [&] {
                                                  const TimePoint end = world.now() + (++runs == 1 ? 5s : 1s);
                                                  world.world().wait(nullptr, [] { return false; }, end);
                                                },
                                            .hook_timeout = 5s});
  world.run_until_idle();
  world.world().set_chooser(&first);
  task.request_stop();
  world.run_until_idle();
  ASSERT_EQ(runs, 1);
  world.world().pass(5s);  // the hook is about to return, and its timeout to fire
  ASSERT_EQ(task.wait(), Outcome::Stopped);
  EXPECT_EQ(task.snapshot().hook, HookResult::Returned);
  task.restart();
  while (task.state() != TaskState::Waiting) ASSERT_EQ(world.run_steps(1), 1u);
  task.request_stop();
  while (runs == 1) ASSERT_EQ(world.run_steps(1), 1u);
  world.run_until_idle();  // now the timeout of the first run fires
  EXPECT_EQ(task.state(), TaskState::Stopping);
  world.advance(1s);
  EXPECT_EQ(task.snapshot().hook, HookResult::Returned);
  EXPECT_EQ(task.state(), TaskState::Stopped);
  s.shutdown();
}

TEST(LateTimerTest, ADelayBeginsWithTheEventThatAnnouncesItThoughTimePassedSinceTheAttemptsEnd) {
  struct ByHand final : runtime::Chooser {
    std::size_t choose(std::size_t) override { return 0; }
    std::size_t next(absl::Span<const std::uint64_t>) override { return pick; }
    bool interrupts(absl::Span<const std::uint64_t>) override { return put_aside; }
    std::size_t pick = 0;
    bool put_aside = false;
  };
  for (int round = 1; round <= 2; ++round) {  // that one ends its interruptions is nothing to the next
    ByHand by_hand;
    testing::VirtualRuntime world(1);
    world.world().set_chooser(&by_hand);
    world.world().interrupt(1);
    const auto recorder = std::make_shared<testing::Recorder>();
    Supervisor s({.observers = {recorder}, .default_observer = false, .runtime = world});
    const TaskHandle task = s.supervise(
        [&] {
          if (this_task::attempt() > 1) return;
          by_hand.put_aside = true;  // at the next lock: the clock has been read by then
          throw std::runtime_error("broken");
        },
        {.on_exception = OnException::Retry, .backoff = Backoff::constant(10s), .heartbeat_timeout = 1s});
    world.run_until_idle();  // its registration is told
    s.start();
    world.spawn([] {});  // there is something that could run instead
    while (!by_hand.put_aside) ASSERT_EQ(world.run_steps(1), 1u);
    by_hand.put_aside = false;
    ASSERT_EQ(task.state(), TaskState::Running);
    world.world().pass(1s);
    by_hand.pick = world.ready_jobs();  // behind what is ready: the heartbeat's timer
    ASSERT_EQ(world.run_steps(1), 1u);
    world.world().interrupt(0);
    world.world().set_chooser(nullptr);
    EXPECT_EQ(task.wait(), Outcome::Completed);
    std::optional<TimePoint> announced;
    for (const Event& e : recorder->events()) {
      if (e.kind == EventKind::RestartScheduled) announced = e.time + e.delay;
      if (e.kind == EventKind::AttemptStarted && e.attempt == 2) {
        EXPECT_EQ(e.time, announced);
      }
    }
    EXPECT_TRUE(announced);
    s.shutdown();
  }
}

ENGIN_SCENARIO(LateMomentTest, AHookThatOutlastsItsTaskMayStopItLikeAnybody) {
  Supervisor& s = started();
  TaskHandle task;
  std::optional<StopResult> answer;
  const auto hook = [&] {
    block(20s);
    answer = task.stop();
  };
  task = hooked(s.supervise(until_stopped(), {.shutdown_hook = hook, .hook_timeout = 5s}));
  world.run_until_idle();
  EXPECT_EQ(task.stop(10s), StopResult::Stopped);
  world.advance(20s);
  EXPECT_EQ(answer, StopResult::AlreadyEnded) << "that would wait for nothing, so it is not refused";
  s.shutdown();
}

ENGIN_SCENARIO(LateMomentTest, AHookThatTimedOutHasAFreshTokenTheNextTime) {
  Supervisor& s = started();
  rules.by_hand = true;
  std::vector<bool> fired_at_begin;
  auto task = hooked(s.supervise(until_stopped(), {.shutdown_hook =
                                                       [&](std::stop_token stop) {
                                                         fired_at_begin.push_back(stop.stop_requested());
                                                         if (fired_at_begin.size() == 1) block(6s);
                                                       },
                                                   .hook_timeout = 5s}));
  world.run_until_idle();
  EXPECT_EQ(task.stop(1h), StopResult::Stopped);
  EXPECT_EQ(task.snapshot().hook, HookResult::TimedOut);
  for (const Event& e : log()) {
    if (e.kind == EventKind::HookTimedOut) {
      EXPECT_EQ(e.duration, 5s);
    }
  }
  world.advance(1s);
  task.restart();
  world.run_until_idle();
  EXPECT_EQ(task.stop(1h), StopResult::Stopped);
  EXPECT_EQ(task.snapshot().hook, HookResult::Returned);
  EXPECT_EQ(fired_at_begin, std::vector<bool>({false, false}));
  s.shutdown();
  for (const Event& e : log()) {
    if (e.kind == EventKind::StragglerEnded) {
      EXPECT_EQ(e.duration, 6s) << "since it began";
    }
  }
  EXPECT_EQ(count(EventKind::StragglerEnded), 1u);
}

ENGIN_SCENARIO(LateMomentTest, ACoroutineHookThatTimedOutWaitsAgainTheNextTime) {
  Supervisor& s = started();
  rules.by_hand = true;
  std::vector<bool> waited;
  Duration first = 10s;
  auto task = hooked(s.supervise(until_stopped(), {.shutdown_hook = [&]() -> Co<> {
                                                     waited.push_back(co_await sleep_for(std::exchange(first, 1s)));
                                                   },
                                                   .hook_timeout = 5s}));
  for (int life = 0; life < 2; ++life) {
    world.run_until_idle();
    EXPECT_EQ(task.stop(1h), StopResult::Stopped);
    world.run_until_idle();
    task.restart();
  }
  EXPECT_EQ(waited, std::vector<bool>({false, true})) << "the first one was cut short by its timeout";
  s.shutdown();
}

/// A task that straggles since a restart: for an hour, as its hook will, which may take five seconds.
TaskHandle straggles_since_a_restart(Scenario& scenario, Hook hook) {
  scenario.rules.by_hand = true;
  TaskHandle task = scenario.hooked(scenario.supervisor().supervise(
      [&scenario] { scenario.block(1h); }, {.shutdown_hook = std::move(hook), .hook_timeout = 5s, .stop_timeout = 2s}));
  scenario.world.run_until_idle();
  task.restart();
  scenario.world.advance(2s);
  EXPECT_EQ(task.state(), TaskState::Straggling);
  return task;
}

ENGIN_SCENARIO(LateMomentTest, WhoStopsAStragglerIsAnsweredWhenItsHookHasTimedOut) {
  Supervisor& s = started();
  const TaskHandle task = straggles_since_a_restart(*this, [this] { block(1h); });
  std::optional<StopResult> answer;
  s.supervise([&] { answer = task.stop(); });
  world.advance(4s);
  EXPECT_EQ(answer, std::nullopt) << "its hook may still take it down";
  world.advance(1s);
  EXPECT_EQ(answer, StopResult::TimedOut);
  world.advance(2h);
  s.shutdown();
}

ENGIN_SCENARIO(LateMomentTest, WhoStopsAStragglerDoesNotWaitForTheCallbacksOfItsHooksToken) {
  Supervisor& s = started();
  const TaskHandle task = straggles_since_a_restart(*this, [this](std::stop_token stop) {
    const std::stop_callback hangs(stop, [this] { block(1h); });
    block(1h);
  });
  std::optional<StopResult> answer;
  s.supervise([&] { answer = task.stop(); });
  world.advance(5s);
  EXPECT_EQ(answer, StopResult::TimedOut);
  world.advance(2h);
  s.shutdown();
}

ENGIN_SCENARIO(LateMomentTest, AHookThatDidNotStartTookNoTimeWhateverItTookBefore) {
  Supervisor& s = started({.shutdown_timeout = 0s});
  rules.by_hand = rules.deadline_came = true;
  auto task = hooked(s.supervise(until_stopped(), {.name = "t", .shutdown_hook = [this] { block(3s); }}));
  world.run_until_idle();
  EXPECT_EQ(task.stop(1h), StopResult::Stopped);
  task.restart();
  world.run_until_idle();
  const ShutdownReport& report = s.shutdown();
  ASSERT_NE(report.find("t"), nullptr);
  EXPECT_EQ(report.find("t")->hook_duration, 0s);
  finish();
}

ENGIN_SCENARIO(LateMomentTest, ARestartIsGoodForOneAttemptOnly) {
  Supervisor& s = started();
  rules.by_hand = true;
  auto task = s.supervise(
      [] {
        while (this_task::attempt() == 1 && this_task::sleep_for(1h)) {
        }
        if (this_task::attempt() > 1) throw std::runtime_error("broken");
      },
      {.on_exception = OnException::Ignore});
  world.run_until_idle();
  EXPECT_EQ(task.restart(), RestartResult::Started);
  world.run_until_idle();
  EXPECT_EQ(task.state(), TaskState::Failed);
  EXPECT_EQ(task.snapshot().attempt, 2u);
  s.shutdown();
}

ENGIN_SCENARIO(LateMomentTest, TheLastEventTellsWhatTheReportTells) {
  Supervisor& s = started();
  s.supervise(slow_to_stop(3s), {.name = "slow"});
  hooked(s.supervise(until_stopped(), {.shutdown_hook = [] { throw std::runtime_error("broken"); }}));
  world.run_until_idle();
  const ShutdownReport& report = s.shutdown();
  EXPECT_EQ(report.duration, 3s);
  const Event last = log().back();
  EXPECT_EQ(last.kind, EventKind::ShutdownEnded);
  EXPECT_EQ(last.duration, 3s);
  EXPECT_FALSE(last.detail.empty()) << "a hook failed";
}

ENGIN_SCENARIO(LateMomentTest, ATaskThatWasNeverStartedIsStoppedAtTheDeadlineToo) {
  Supervisor& s = make({.shutdown_timeout = 0s});
  auto task = s.supervise(until_stopped(), {.name = "t"});
  s.request_shutdown();  // whether the deadline or the launch of stops comes first is up to the seed
  s.start();
  const ShutdownReport& report = s.wait();
  // At that moment the destruction of the callable may not be over.
  for (const Straggler& straggler : report.stragglers) EXPECT_EQ(straggler.what, "destructor");
  EXPECT_EQ(task.state(), TaskState::Stopped);
  EXPECT_EQ(task.snapshot().attempt, 0u);
  rules.deadline_came = true;
}

ENGIN_SCENARIO(LateMomentTest, TheReportCountsTasksByTheirOutcome) {
  Supervisor& s = started();
  const TaskHandle completed[] = {s.supervise([] {}), s.supervise([] {}), s.supervise([] {}), s.supervise([] {})};
  const TaskHandle failed[] = {s.supervise(throws(), {.on_exception = OnException::Ignore}),
                               s.supervise(throws(), {.on_exception = OnException::Ignore})};
  s.supervise(until_stopped());
  world.run_until_idle();
  const ShutdownReport& report = s.shutdown();
  EXPECT_EQ(report.tasks_total, 7u);
  EXPECT_EQ(report.tasks_completed, 4u);
  EXPECT_EQ(report.tasks_failed, 2u);
  EXPECT_EQ(report.tasks_stopped, 1u);
}

ENGIN_SCENARIO(LateMomentTest, OneGoodCallResetsTheDelayOfAPeriodicTask) {
  Supervisor& s = started();
  const TimePoint begin = world.now();
  std::vector<Duration> calls;
  periodic(s.supervise(every(1min,
                             [&] {
                               calls.push_back(world.now() - begin);
                               if (calls.size() % 2 == 1) throw std::runtime_error("every other one");
                             }),
                       {.on_exception = OnException::Retry, .backoff = Backoff::schedule({1s, 30s})}));
  world.advance(2min + 2s);
  EXPECT_EQ(calls, std::vector<Duration>({0s, 1s, 60s, 61s, 120s, 121s}));
  s.shutdown();
}

}  // namespace
}  // namespace engin
