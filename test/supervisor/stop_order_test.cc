// One absolute deadline for everything, with all tasks together or one after the other.
#include <chrono>
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

std::vector<std::string> straggler_names(const ShutdownReport& report) {
  std::vector<std::string> names;
  for (const Straggler& s : report.stragglers) names.push_back(s.name + "'s " + s.what);
  return names;
}

ENGIN_SCENARIO(ReverseTest, TakesDownOneTaskAfterTheOtherTheLastRegisteredFirst) {
  Supervisor& s = make({.stop_order = StopOrder::Reverse});
  std::vector<std::string> order;
  for (const char* name : {"a", "b", "c"}) {
    const std::string n = name;
    hooked(s.supervise(
        [&order, n]() -> Co<> {
          while (co_await sleep_for(1h)) {
          }
          order.push_back(n + " asked");
          (void)co_await sleep_for(1s, ignore_stop);
          order.push_back(n + " ends");
        },
        {.name = n, .shutdown_hook = [&order, n]() -> Co<> {
           order.push_back(n + "'s hook");
           (void)co_await sleep_for(1s);
         }}));
  }
  s.start();
  world.run_until_idle();
  const ShutdownReport& report = s.shutdown();
  EXPECT_THAT(order, ElementsAre("c's hook", "c asked", "c ends", "b's hook", "b asked", "b ends", "a's hook",
                                 "a asked", "a ends"));
  EXPECT_EQ(report.duration, 6s);
  EXPECT_TRUE(report.clean());
}

ENGIN_SCENARIO(ReverseTest, ATaskThatEndsOutOfTurnHasItsHookInItsTurn) {
  Supervisor& s = make({.stop_order = StopOrder::Reverse});
  TimePoint hook_at{};
  hooked(s.supervise([]() -> Co<> { (void)co_await sleep_for(11s, ignore_stop); },
                     {.name = "early", .shutdown_hook = [&] { hook_at = world.now(); }}));
  s.supervise(slow_to_stop(5s), {.name = "late"});
  s.start();
  world.advance(10s);
  const TimePoint begun = world.now();
  const ShutdownReport& report = s.shutdown();
  EXPECT_EQ(hook_at - begun, 5s);
  EXPECT_EQ(report.find("early")->outcome, Outcome::Completed);  // before anybody began to stop it
  EXPECT_TRUE(report.clean());
}

ENGIN_SCENARIO(ReverseTest, ThreeHungTasksLeaveTheFourthItsSliceAndTheDeadlineHolds) {
  Supervisor& s = make({.shutdown_timeout = 20s, .stop_order = StopOrder::Reverse});
  TimePoint asked{};
  s.supervise(
      [&]() -> Co<> {
        while (co_await sleep_for(1h)) {
        }
        asked = world.now();
        (void)co_await sleep_for(1s, ignore_stop);
      },
      {.name = "last"});
  for (const char* name : {"x", "y", "z"}) s.supervise(slow_to_stop(50s), {.name = name, .stop_timeout = 1h});
  s.start();
  world.run_until_idle();
  const TimePoint begun = world.now();
  const ShutdownReport& report = s.shutdown();
  EXPECT_EQ(asked - begun, 15s);  // each had its slice of 5 s
  EXPECT_EQ(report.duration, 16s);
  EXPECT_THAT(straggler_names(report), ::testing::UnorderedElementsAre("x's body", "y's body", "z's body"));
  EXPECT_EQ(report.find("last")->outcome, Outcome::Stopped);
  EXPECT_EQ(report.exit_code(), 2);
  rules.deadline_came = true;
  finish();
}

ENGIN_SCENARIO(ReverseTest, TimeThatOneDoesNotUsePassesOn) {
  Supervisor& s = make({.shutdown_timeout = 20s, .stop_order = StopOrder::Reverse});
  s.supervise(slow_to_stop(18s), {.name = "slow", .stop_timeout = 1h});
  for (int i = 0; i < 9; ++i) s.supervise(until_stopped());
  s.start();
  world.run_until_idle();
  const ShutdownReport& report = s.shutdown();
  EXPECT_TRUE(report.clean()) << report;
  EXPECT_EQ(report.duration, 18s);
}

ENGIN_SCENARIO(ReverseTest, HungHooksAndHungTasksEndByTheDeadline) {
  Supervisor& s = make({.shutdown_timeout = 8s, .stop_order = StopOrder::Reverse});
  int hooks = 0;
  for (int i = 0; i < 4; ++i) {
    hooked(s.supervise(slow_to_stop(30s), {.name = "t" + std::to_string(i), .shutdown_hook = [&, this] {
                                             ++hooks;
                                             block(30s);
                                           }}));
  }
  s.start();
  world.run_until_idle();
  const ShutdownReport& report = s.shutdown();
  EXPECT_LE(report.duration, 8s);
  EXPECT_EQ(hooks, 4) << "each has its slice, so each hook starts";
  EXPECT_EQ(report.bad_hooks, 4u);
  std::size_t bodies = 0;
  for (const Straggler& straggler : report.stragglers) bodies += straggler.what == "body" ? 1 : 0;
  EXPECT_EQ(bodies, 4u);
  rules.deadline_came = true;
  finish();
}

TEST(ReverseTest, TenThousandTasksAreTakenDownInOrder) {
  testing::VirtualRuntime world(7);
  Supervisor s({.stop_order = StopOrder::Reverse, .default_observer = false, .runtime = world});
  std::vector<int> order;
  constexpr int N = 10'000;
  for (int i = 0; i < N; ++i) {
    s.supervise([&order, i]() -> Co<> {
      while (co_await sleep_for(1h)) {
      }
      order.push_back(i);
    });
  }
  s.start();
  world.run_until_idle();
  const ShutdownReport& report = s.shutdown();
  EXPECT_TRUE(report.clean());
  EXPECT_EQ(report.tasks_total, std::uint64_t{N});
  EXPECT_EQ(report.tasks.size(), 1000u);
  ASSERT_EQ(order.size(), std::size_t{N});
  for (int i = 0; i < N; ++i) ASSERT_EQ(order[static_cast<std::size_t>(i)], N - 1 - i);
}

TEST(ReverseTest, TenThousandSlowTasksEndByTheDeadlineAndAllAreNamed) {
  testing::VirtualRuntime world(7);
  Supervisor s({.shutdown_timeout = 10s,
                .stop_order = StopOrder::Reverse,
                .on_straggler = OnStraggler::Wait,
                .default_observer = false,
                .runtime = world});
  constexpr int N = 10'000;
  int asked = 0;
  for (int i = 0; i < N; ++i) {
    s.supervise([&]() -> Co<> {
      while (co_await sleep_for(1h)) {
      }
      ++asked;
      (void)co_await sleep_for(1min, ignore_stop);
    });
  }
  s.start();
  world.run_until_idle();
  const ShutdownReport& report = s.shutdown();
  EXPECT_LE(report.duration, 10s);
  EXPECT_EQ(asked, N) << "every task has a slice";
  EXPECT_EQ(report.stragglers.size(), std::size_t{N});
  EXPECT_EQ(report.exit_code(), 2);
  world.advance(2min);
}

ENGIN_SCENARIO(TogetherTest, StoppingTakesAsLongAsTheSlowestTask) {
  Supervisor& s = make();
  for (int i = 1; i <= 9; ++i) s.supervise(slow_to_stop(1s * i));
  s.supervise(throws(), {.on_exception = OnException::Retry, .backoff = Backoff::constant(1h)});
  s.start();
  world.run_until_idle();
  EXPECT_EQ(s.shutdown().duration, 9s);
}

ENGIN_SCENARIO(TogetherTest, ATaskWithoutAHookIsAskedAtOnceWhileOthersDrain) {
  Supervisor& s = make();
  const TaskHandle bare = s.supervise(until_stopped());
  const TaskHandle drains =
      hooked(s.supervise(until_stopped(), {.shutdown_hook = []() -> Co<> { (void)co_await sleep_for(4s); }}));
  s.start();
  world.run_until_idle();
  s.request_shutdown();
  const TimePoint begun = world.now();
  bare.wait();
  EXPECT_EQ(world.now(), begun);
  drains.wait();
  EXPECT_EQ(world.now() - begun, 4s);
  s.wait();
}

ENGIN_SCENARIO(TogetherTest, EachTaskIsJudgedByItsOwnTimeouts) {
  Supervisor& s = make();
  s.supervise(slow_to_stop(3s), {.name = "short", .stop_timeout = 1s});
  s.supervise(slow_to_stop(6s), {.name = "long", .stop_timeout = 8s});
  s.supervise(slow_to_stop(1h), {.name = "endless", .stop_timeout = Duration::max()});
  s.supervise(slow_to_stop(1s), {.name = "no grace", .stop_timeout = 0s});
  s.start();
  world.run_until_idle();
  s.request_shutdown();
  const TimePoint begun = world.now();
  const ShutdownReport& report = s.wait();
  EXPECT_EQ(report.duration, 25s);  // the one deadline goes before
  EXPECT_THAT(straggler_names(report), ElementsAre("endless's body"));
  EXPECT_EQ(report.find("short")->outcome, Outcome::Stopped);  // late, but it ended before the report
  rules.deadline_came = true;
  finish();
  std::vector<std::pair<std::string, Duration>> late;
  for (const Event& e : recorder->events(EventKind::Straggler)) late.emplace_back(e.task_name, e.time - begun);
  EXPECT_THAT(late, ::testing::UnorderedElementsAre(std::pair<std::string, Duration>("short", 1s),
                                                    std::pair<std::string, Duration>("endless", 25s),
                                                    std::pair<std::string, Duration>("no grace", 0s)));
}

ENGIN_SCENARIO(TogetherTest, AHookGetsAtMostHalfOfWhatIsLeft) {
  Supervisor& s = make({.shutdown_timeout = 6s});
  TimePoint asked{};
  hooked(s.supervise(
      [&]() -> Co<> {
        while (co_await sleep_for(1h)) {
        }
        asked = world.now();
      },
      {.shutdown_hook = [this] { block(5s); }}));
  s.start();
  world.run_until_idle();
  const TimePoint begun = world.now();
  s.shutdown();
  EXPECT_EQ(asked - begun, 3s);
  finish();
}

ENGIN_SCENARIO(TogetherTest, WithNoTimeAtAllEverybodyWhoHasNotEndedIsNamed) {
  Supervisor& s = make({.shutdown_timeout = 0s});
  s.supervise(slow_to_stop(1s), {.name = "t"});
  s.start();
  world.run_until_idle();
  const ShutdownReport& report = s.shutdown();
  EXPECT_EQ(report.duration, 0s);
  EXPECT_THAT(straggler_names(report), ElementsAre("t's body"));
  EXPECT_EQ(report.exit_code(), 2);
  rules.deadline_came = true;
  finish();
}

ENGIN_SCENARIO(TogetherTest, AHookThatCouldNotStartInTimeSaysSoAndNeverDoes) {
  Supervisor& s = make({.shutdown_timeout = 0s});
  int ran = 0;
  s.supervise(until_stopped(), {.name = "t", .shutdown_hook = [&] { ++ran; }});
  s.start();
  world.run_until_idle();
  const ShutdownReport& report = s.shutdown();
  const int before = ran;
  ASSERT_NE(report.find("t"), nullptr);
  EXPECT_EQ(report.find("t")->hook == HookResult::NotStarted, before == 0);
  EXPECT_EQ(report.bad_hooks, before == 0 || report.find("t")->hook == HookResult::TimedOut ? 1u : 0u);
  world.advance(1h);
  EXPECT_EQ(ran, before);
  rules.deadline_came = true;
}

ENGIN_SCENARIO(TogetherTest, AStragglersLateEndIsAnEventAndChangesNothing) {
  Supervisor& s = make({.shutdown_timeout = 2s});
  const TaskHandle task = s.supervise(
      []() -> Co<> {
        while (co_await sleep_for(1h)) {
        }
        (void)co_await sleep_for(10s, ignore_stop);
        throw std::runtime_error("late");
      },
      {.name = "t"});
  s.start();
  world.run_until_idle();
  const ShutdownReport before = s.shutdown();
  EXPECT_EQ(task.state(), TaskState::Straggling);
  world.advance(1min);
  EXPECT_EQ(count(EventKind::StragglerEnded), 1u);
  EXPECT_EQ(task.state(), TaskState::Stopped);
  const ShutdownReport& after = s.wait();
  EXPECT_EQ(after.stragglers.size(), 1u);
  EXPECT_EQ(after.total_failed, before.total_failed);
  EXPECT_EQ(after.exit_code(), 2);
  EXPECT_EQ(task.restart(), RestartResult::Refused);
}

ENGIN_SCENARIO(TogetherTest, TwoShutdownsAndTheDestructorAtOnceAreOne) {
  Supervisor& s = make();
  s.supervise(slow_to_stop(3s));
  s.start();
  world.run_until_idle();
  const ShutdownReport* reports[3] = {};
  for (int i = 0; i < 3; ++i) world.spawn([&, i] { reports[i] = &s.shutdown(); });
  world.run_until_idle();
  world.advance(10s);
  EXPECT_NE(reports[0], nullptr);
  EXPECT_EQ(reports[0], reports[1]);
  EXPECT_EQ(reports[1], reports[2]);
  EXPECT_EQ(count(EventKind::ShutdownBegan), 1u);
  finish();
}

}  // namespace
}  // namespace engin
