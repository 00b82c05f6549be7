// What the supervisor of the Python framework does right, and what it does wrong (D1 to D20): here all of it is right.
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engin/supervisor.h"
#include "test/support/scenario.h"

namespace engin {
namespace {

using namespace std::chrono_literals;
using namespace engin::test;
using ::testing::ElementsAre;

ENGIN_SCENARIO(BehaviourTest, AnEmptySupervisorStartsAndStops) {
  Supervisor& s = started();
  const ShutdownReport& report = s.shutdown();
  EXPECT_TRUE(report.clean());
  EXPECT_EQ(report.exit_code(), 0);
  EXPECT_EQ(report.tasks_total, 0u);
  EXPECT_EQ(report.cause.kind, ShutdownCause::Kind::Requested);
}

ENGIN_SCENARIO(BehaviourTest, RetryRunsAgainAfterAFailureAndEndsCompleted) {
  Supervisor& s = make();
  int calls = 0;
  const TaskHandle task = s.supervise(
      [&] {
        if (++calls < 3) throw std::runtime_error("not yet");
      },
      {.name = "t", .on_exception = OnException::Retry});
  s.start();
  EXPECT_EQ(task.wait(), Outcome::Completed);
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(task.state(), TaskState::Completed);
  const TaskSnapshot seen = task.snapshot();
  EXPECT_EQ(seen.started, 3u);
  EXPECT_EQ(seen.failed, 2u);
  EXPECT_EQ(seen.completed, 1u);
  EXPECT_EQ(seen.restarted, 2u);
  EXPECT_FALSE(s.shutdown_cause().has_value());
  EXPECT_EQ(s.shutdown().exit_code(), 0);
  using enum EventKind;
  EXPECT_THAT(kinds("t"), ElementsAre(Registered, AttemptStarted, Failed, RestartScheduled, AttemptStarted, Failed,
                                      RestartScheduled, AttemptStarted, Completed));
}

ENGIN_SCENARIO(BehaviourTest, IgnoreLeavesTheOthersRunning) {
  Supervisor& s = make();
  const TaskHandle bad = s.supervise(throws(), {.name = "bad", .on_exception = OnException::Ignore});
  const TaskHandle good = s.supervise(until_stopped());
  s.start();
  world.advance(1h);
  EXPECT_EQ(bad.state(), TaskState::Failed);
  EXPECT_EQ(good.state(), TaskState::Waiting);
  EXPECT_EQ(bad.snapshot().started, 1u);
  EXPECT_EQ(s.shutdown().exit_code(), 0);  // handled before: does not count
}

ENGIN_SCENARIO(BehaviourTest, AShutdownFailureStopsAllOthersAndOnlyTheFailingOneCountsAsFailed) {
  Supervisor& s = make();
  const TaskHandle other = s.supervise(until_stopped(), {.name = "other"});
  const TaskHandle plain = s.supervise(plain_until_stopped(), {.name = "plain"});
  const TaskHandle bad = s.supervise(throws("disk on fire"), {.name = "bad"});
  s.start();
  const ShutdownReport& report = s.wait();
  EXPECT_EQ(bad.wait(), Outcome::Failed);
  EXPECT_NE(other.wait(), Outcome::Failed);
  EXPECT_NE(plain.wait(), Outcome::Failed);
  EXPECT_EQ(report.tasks_failed, 1u);
  EXPECT_EQ(report.cause.kind, ShutdownCause::Kind::TaskFailed);
  EXPECT_EQ(report.cause.task_name, "bad");
  ASSERT_TRUE(report.cause.failure.has_value());
  EXPECT_EQ(report.cause.failure->message(), "disk on fire");
  EXPECT_NE(report.cause.failure->as<std::runtime_error>(), nullptr);
  EXPECT_FALSE(report.clean());
  EXPECT_EQ(report.exit_code(), 1);
}

ENGIN_SCENARIO(BehaviourTest, ASupervisorWithAnEndlessTaskStopsAtOnce) {
  Supervisor& s = started();
  const TaskHandle endless = s.supervise(plain_until_stopped());
  const TaskHandle waiting = s.supervise(until_stopped());
  world.advance(10s);
  const TimePoint before = world.now();
  const ShutdownReport& report = s.shutdown();
  EXPECT_EQ(world.now(), before);
  EXPECT_TRUE(report.clean());
  EXPECT_EQ(report.duration, 0ns);
  EXPECT_EQ(endless.wait(), Outcome::Stopped);
  EXPECT_EQ(waiting.wait(), Outcome::Stopped);
}

ENGIN_SCENARIO(BehaviourTest, TheHookRunsBeforeTheTokenFires) {
  Supervisor& s = make();
  std::vector<std::string> order;
  hooked(s.supervise(
      [&](std::stop_token stop) {
        const std::stop_callback fired(stop, [&] { order.push_back("token"); });
        while (this_task::sleep_for(1h)) {
        }
      },
      {.shutdown_hook = [&]() -> Co<> {
        order.push_back("hook begins");
        EXPECT_TRUE(co_await sleep_for(1s));
        order.push_back("hook ends");
      }}));
  s.start();
  world.run_until_idle();
  s.shutdown();
  EXPECT_THAT(order, ElementsAre("hook begins", "hook ends", "token"));
}

// --- Its defects.

ENGIN_SCENARIO(FormerDefectTest, D1ATaskThatFailsAtOnceDoesNotStarveOthers) {
  Supervisor& s = make();
  int failures = 0, ticks = 0;
  const TaskHandle bad = s.supervise(
      [&] {
        ++failures;
        throw std::runtime_error("at once");
      },
      {.on_exception = OnException::Retry, .backoff = Backoff::immediate()});
  s.supervise([&]() -> Co<> {
    for (; ticks < 50; ++ticks) (void)co_await yield();
  });
  s.start();
  world.run_steps(2'000);
  EXPECT_EQ(ticks, 50);
  EXPECT_GT(failures, 100);
  EXPECT_EQ(bad.stop(), StopResult::Stopped);
  const int then = failures;
  world.run_until_idle();  // comes to rest: stop won
  EXPECT_EQ(failures, then);
  s.shutdown();
}

ENGIN_SCENARIO(FormerDefectTest, D1TheDefaultDelayBeginsAtATenthOfASecond) {
  Supervisor& s = make();
  int failures = 0;
  s.supervise(
      [&] {
        ++failures;
        throw 1;
      },
      {.on_exception = OnException::Retry});
  s.start();
  world.advance(49ms);
  EXPECT_EQ(failures, 1);
  world.advance(51ms);
  EXPECT_EQ(failures, 2);
  s.shutdown();
}

ENGIN_SCENARIO(FormerDefectTest, D2ATaskThatThrowsWhileBeingStoppedIsNotRestarted) {
  Supervisor& s = make();
  int runs = 0;
  const auto body = [&](std::stop_token) -> Co<> {
    ++runs;
    (void)co_await sleep_for(1h);
    throw std::runtime_error("in the clean-up");
  };
  const TaskHandle by_shutdown =
      s.supervise(body, {.on_exception = OnException::Retry, .backoff = Backoff::immediate()});
  const TaskHandle by_handle = s.supervise(body, {.on_exception = OnException::Retry, .backoff = Backoff::immediate()});
  s.start();
  world.run_until_idle();
  EXPECT_EQ(by_handle.stop(), StopResult::Stopped);
  const ShutdownReport& report = s.shutdown();
  EXPECT_EQ(runs, 2);
  EXPECT_TRUE(report.clean());
  const Outcome outcome = by_shutdown.wait();
  EXPECT_EQ(outcome, Outcome::Stopped);
  ASSERT_TRUE(outcome.failure().has_value());  // attached, no failure
  EXPECT_EQ(outcome.failure()->message(), "in the clean-up");
  EXPECT_EQ(by_shutdown.snapshot().failed, 0u);
}

ENGIN_SCENARIO(FormerDefectTest, D3AFailureLeavesHooksThatWaitUncut) {
  Supervisor& s = make();
  int hooks_ended = 0;
  const auto hook = [&]() -> Co<> {
    const bool waited = co_await sleep_for(2s);
    EXPECT_TRUE(waited);
    ++hooks_ended;
  };
  for (int i = 0; i < 3; ++i) hooked(s.supervise(until_stopped(), {.shutdown_hook = hook}));
  s.supervise([]() -> Co<> {
    (void)co_await sleep_for(1s);
    throw std::runtime_error("broken");
  });
  s.start();
  const ShutdownReport& report = s.wait();
  EXPECT_EQ(hooks_ended, 3);
  EXPECT_EQ(report.bad_hooks, 0u);
  EXPECT_EQ(report.exit_code(), 1);
}

ENGIN_SCENARIO(FormerDefectTest, D4WaitingAgainAfterAFailedStopReturns) {
  Supervisor& s = make({.shutdown_timeout = 10s});
  hooked(s.supervise(until_stopped(), {.shutdown_hook = [this] { block(9s); }}));
  s.supervise(throws());
  s.start();
  rules.deadline_came = true;
  const TimePoint before = world.now();
  s.wait();
  s.shutdown();
  EXPECT_NE(s.wait_for(0s), nullptr);
  EXPECT_LE(world.now() - before, 10s + 50ms);
  finish();
}

ENGIN_SCENARIO(FormerDefectTest, D6AHookThatThrowsSkipsNoOther) {
  Supervisor& s = make();
  int ran = 0;
  const auto bad = [&] {
    ++ran;
    throw std::runtime_error("hook");
  };
  for (int i = 0; i < 3; ++i)
    hooked(s.supervise(until_stopped(), {.name = "t" + std::to_string(i), .shutdown_hook = bad}));
  s.start();
  world.run_until_idle();
  const ShutdownReport& report = s.shutdown();
  EXPECT_EQ(ran, 3);
  EXPECT_EQ(report.tasks_stopped, 3u);
  EXPECT_EQ(report.bad_hooks, 3u);
  EXPECT_EQ(report.exit_code(), 2);
  ASSERT_NE(report.find("t1"), nullptr);
  EXPECT_EQ(report.find("t1")->hook, HookResult::Failed);
  EXPECT_THAT(report.find("t1")->hook_failure, ::testing::HasSubstr("hook"));
}

ENGIN_SCENARIO(FormerDefectTest, D8ATaskSupervisedAfterStartRuns) {
  Supervisor& s = started();
  world.run_until_idle();
  bool ran = false;
  int hooks = 0;
  const TaskHandle task = s.supervise([&] { ran = true; }, {.shutdown_hook = [&] { ++hooks; }});
  EXPECT_EQ(task.wait(), Outcome::Completed);
  EXPECT_TRUE(ran);
  s.shutdown();
  EXPECT_EQ(hooks, 0);  // D20: it had ended
}

ENGIN_SCENARIO(FormerDefectTest, D10AHookThatHangsDelaysItsOwnTaskByItsTimeoutOnly) {
  Supervisor& s = make();
  const TaskHandle prompt = s.supervise(until_stopped(), {.name = "prompt"});
  const TaskHandle hung = hooked(
      s.supervise(until_stopped(), {.name = "hung", .shutdown_hook = [this] { block(7s); }, .hook_timeout = 3s}));
  s.start();
  world.run_until_idle();
  s.request_shutdown();
  const TimePoint before = world.now();
  EXPECT_EQ(prompt.wait(), Outcome::Stopped);
  EXPECT_EQ(world.now(), before);
  EXPECT_EQ(hung.wait(), Outcome::Stopped);
  EXPECT_EQ(world.now() - before, 3s);
  const ShutdownReport& report = s.wait();
  EXPECT_EQ(report.find("hung")->hook, HookResult::TimedOut);
  EXPECT_EQ(report.exit_code(), 2);
  rules.deadline_came = true;  // the hook's late end is an event
  finish();
}

ENGIN_SCENARIO(FormerDefectTest, D11AFailureReachesTheExitStatus) {
  Supervisor& s = make();
  s.supervise(throws());
  EXPECT_EQ(s.run(), 1);
}

ENGIN_SCENARIO(FormerDefectTest, D12FailuresDuringShutdownAreAttachedAndDoNotReplaceTheCause) {
  Supervisor& s = make();
  const TaskHandle second = s.supervise(
      [&]() -> Co<> {
        while (!s.shutdown_cause()) (void)co_await sleep_for(1ms, ignore_stop);
        throw std::logic_error("second");
      },
      {.name = "second", .shutdown_hook = []() -> Co<> { (void)co_await sleep_for(1s); }});
  s.supervise(
      []() -> Co<> {
        (void)co_await sleep_for(10ms);
        throw std::runtime_error("first");
      },
      {.name = "first"});
  s.start();
  const ShutdownReport& report = s.wait();
  EXPECT_EQ(report.cause.task_name, "first");
  ASSERT_TRUE(report.cause.failure);
  EXPECT_EQ(report.cause.failure->message(), "first");
  EXPECT_EQ(count(EventKind::ShutdownBegan), 1u);
  // By itself before its hook began (late), or after (Stopped, attached): both orders happen.
  if (second.wait() == Outcome::Failed) {
    ASSERT_EQ(report.secondary.size(), 1u);
    EXPECT_EQ(report.secondary[0].message(), "second");
    EXPECT_EQ(report.late_failures, 1u);
    EXPECT_EQ(recorder->events(EventKind::Failed).back().decision, Decision::None);  // it caused nothing
  } else {
    EXPECT_EQ(report.late_failures, 0u);
  }
}

ENGIN_SCENARIO(FormerDefectTest, D14EveryTypeOfExceptionIsCovered) {
  struct Odd {};
  Supervisor& s = make();
  const TaskOptions ignore{.on_exception = OnException::Ignore};
  const TaskHandle number = s.supervise([] { throw 42; }, ignore);
  const TaskHandle odd = s.supervise([] { throw Odd(); }, ignore);
  const TaskHandle pointer = s.supervise([] { throw "text"; }, ignore);
  const TaskHandle co = s.supervise(
      []() -> Co<> {
        throw 7;
        co_return;
      },
      ignore);
  s.start();
  EXPECT_TRUE(s.wait_all());
  for (const TaskHandle& task : {number, odd, pointer, co}) EXPECT_EQ(task.wait(), Outcome::Failed);
  EXPECT_EQ(number.snapshot().last_failure->type(), "int");
  ASSERT_NE(number.snapshot().last_failure->as<int>(), nullptr);
  EXPECT_EQ(*number.snapshot().last_failure->as<int>(), 42);
  EXPECT_TRUE(s.shutdown().clean());
}

ENGIN_SCENARIO(FormerDefectTest, D15AttemptsAndFailuresAreKeptWithTheirTimes) {
  Supervisor& s = make();
  int n = 0;
  const TaskHandle task = s.supervise([&] { throw std::runtime_error("failure " + std::to_string(++n)); },
                                      {.on_exception = OnException::Retry, .backoff = Backoff::constant(1s)});
  s.start();
  world.advance(40s);
  const TaskSnapshot seen = task.snapshot();
  EXPECT_EQ(seen.failed, 41u);
  EXPECT_EQ(seen.attempt, 41u);
  ASSERT_EQ(seen.first_failures.size(), 16u);
  ASSERT_EQ(seen.last_failures.size(), 16u);
  EXPECT_EQ(seen.first_failures.front().message(), "failure 1");
  EXPECT_EQ(seen.first_failures.back().message(), "failure 16");
  EXPECT_EQ(seen.last_failures.front().message(), "failure 26");
  EXPECT_EQ(seen.last_failures.back().message(), "failure 41");
  EXPECT_EQ(seen.last_failures.back().attempt(), 41u);
  EXPECT_EQ(seen.last_failures.back().time() - seen.first_failures.front().time(), 40s);
  EXPECT_EQ(seen.next_attempt, world.now() + 1s);
  ASSERT_TRUE(seen.last_failure);
  EXPECT_NE(seen.last_failure->as<std::runtime_error>(), nullptr);
  s.shutdown();
}

ENGIN_SCENARIO(FormerDefectTest, D16InReverseAConsumerStopsBeforeWhatItDependsOn) {
  Supervisor& s = make({.stop_order = StopOrder::Reverse});
  std::vector<std::string> order;
  const auto named = [&](std::string name) {
    return [&order, name]() -> Co<> {
      while (co_await sleep_for(1h)) {
      }
      (void)co_await sleep_for(1s, ignore_stop);
      order.push_back(name);
    };
  };
  s.supervise(named("database"));
  s.supervise(named("cache"));
  s.supervise(named("server"));
  s.start();
  world.run_until_idle();
  s.shutdown();
  EXPECT_THAT(order, ElementsAre("server", "cache", "database"));
}

ENGIN_SCENARIO(FormerDefectTest, D19TheReturnOfATaskCanEndTheApplication) {
  Supervisor& s = make();
  s.supervise(until_stopped());
  s.supervise([] {}, {.name = "main", .on_return = OnReturn::Shutdown});
  s.start();
  const ShutdownReport& report = s.wait();
  EXPECT_EQ(report.cause.kind, ShutdownCause::Kind::TaskReturned);
  EXPECT_EQ(report.cause.task_name, "main");
  EXPECT_EQ(report.exit_code(), 0);
}

ENGIN_SCENARIO(FormerDefectTest, D20AHookRunsOnlyForTasksThatStartedAndHaveNotEndedAndKnowsWhy) {
  Supervisor& s = make();
  std::vector<std::string> ran;
  const auto hook = [&](std::string name) {
    return [&ran, name] {
      ran.push_back(name);
      EXPECT_EQ(this_task::stop_reason(), StopReason::Shutdown);
    };
  };
  s.supervise([] {}, {.shutdown_hook = hook("completed")});
  s.supervise(throws(), {.on_exception = OnException::Ignore, .shutdown_hook = hook("failed")});
  hooked(s.supervise(until_stopped(), {.shutdown_hook = hook("running")}));
  hooked(s.supervise(throws(), {.on_exception = OnException::Retry, .shutdown_hook = hook("in backoff")}));
  s.start();
  world.run_until_idle();
  s.shutdown();
  EXPECT_THAT(ran, ::testing::UnorderedElementsAre("running", "in backoff"));
}

ENGIN_SCENARIO(FormerDefectTest, D20ATaskOfASupervisorThatNeverStartedHasNoHook) {
  Supervisor& s = make();
  int hooks = 0;
  const TaskHandle task = s.supervise(until_stopped(), {.shutdown_hook = [&] { ++hooks; }});
  EXPECT_TRUE(s.shutdown().clean());
  EXPECT_EQ(hooks, 0);
  EXPECT_EQ(task.state(), TaskState::Stopped);
}

}  // namespace
}  // namespace engin
