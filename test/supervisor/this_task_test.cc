#include "engin/this_task.h"

#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "test/support/virtual_supervisor.h"

namespace engin {
namespace {

using namespace std::chrono_literals;

class ThisTaskTest : public test::VirtualTest {
 protected:
  ThisTaskTest() : s(options()) { s.start(); }
  Supervisor s;
};
ENGIN_WITH_SEEDS(ThisTaskTest);

TEST(ThisTaskOutsideTest, ATaskFunctionCanBeCalledFromAPlainTest) {
  EXPECT_FALSE(this_task::stop_token().stop_possible());
  EXPECT_EQ(this_task::attempt(), 0U);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(this_task::sleep_for(5ms));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 5ms);
  EXPECT_TRUE(this_task::sleep_for(-1h));
  this_task::ready();
  this_task::beat();
  EXPECT_EQ(this_task::stop_reason(), StopReason::None);
  EXPECT_EQ(this_task::stop_deadline(), TimePoint::max());
}

TEST_P(ThisTaskTest, SleepForWaitsInVirtualTimeAndEndsAtStop) {
  const TimePoint begin = world.now();
  bool first = false;
  bool second = true;
  auto task = s.supervise([&] {
    first = this_task::sleep_for(1min);
    second = this_task::sleep_for(std::chrono::hours::max());
  });
  world.advance(1h);
  EXPECT_TRUE(first);
  EXPECT_EQ(task.stop(1s), StopResult::Stopped);
  EXPECT_FALSE(second);
  EXPECT_EQ(world.now(), begin + 1h);
}

TEST_P(ThisTaskTest, KnowsItsAttemptAndItsTokenInEveryKindOfJob) {
  std::vector<std::uint64_t> attempts;
  auto look = [&](std::stop_token given) {
    attempts.push_back(this_task::attempt());
    EXPECT_EQ(this_task::stop_token(), given);
  };
  s.supervise(look);
  s.supervise([&](std::stop_token given) -> Co<> {
    look(given);
    (void)co_await sleep_for(1s);
    look(given);
  });
  s.supervise(every(1h, look));
  world.advance(10s);
  EXPECT_EQ(attempts, std::vector<std::uint64_t>(4, 1));
}

TEST_P(ThisTaskTest, TellsWhyAndUntilWhenItIsStopped) {
  std::vector<StopReason> reasons;
  Duration left{};
  const auto body = [&] {
    while (this_task::sleep_for(1h)) {
    }
    reasons.push_back(this_task::stop_reason());
    left = this_task::stop_deadline() - world.now();
  };
  auto task = s.supervise(body, {.stop_timeout = 7s});
  world.run_until_idle();
  task.restart();
  world.run_until_idle();
  EXPECT_EQ(left, 7s);
  EXPECT_EQ(task.stop(1s), StopResult::Stopped);
  task.restart();
  world.run_until_idle();
  s.shutdown();
  EXPECT_EQ(reasons, std::vector<StopReason>({StopReason::Restart, StopReason::Requested, StopReason::Shutdown}));
}

TEST_P(ThisTaskTest, InAHookTheTokenAndTheDeadlineAreTheHooksOwn) {
  bool fired = false;
  Duration time{};
  auto task = s.supervise([] { this_task::sleep_for(1h); }, {.shutdown_hook =
                                                                 [&](std::stop_token token) {
                                                                   time = this_task::stop_deadline() - world.now();
                                                                   EXPECT_FALSE(token.stop_requested());
                                                                   EXPECT_FALSE(this_task::sleep_for(1h));
                                                                   fired = token.stop_requested();
                                                                 },
                                                             .hook_timeout = 3s});
  world.run_until_idle();
  EXPECT_EQ(task.stop(1min), StopResult::Stopped);
  world.run_until_idle();
  EXPECT_EQ(time, 3s);
  EXPECT_TRUE(fired);
  EXPECT_EQ(task.snapshot().hook, HookResult::TimedOut);
}

TEST_P(ThisTaskTest, AMissingHeartbeatIsReportedOncePerStall) {
  s.supervise(
      [&] {
        for (int i = 0; i < 5; ++i) {
          this_task::sleep_for(500ms);
          this_task::beat();
        }
        this_task::sleep_for(10s);  // one stall
        this_task::beat();
        this_task::sleep_for(900ms);
        this_task::beat();
        this_task::sleep_for(5s);  // another
      },
      {.name = "beating", .heartbeat_timeout = 1s});
  world.advance(2500ms);
  EXPECT_EQ(events->count(EventKind::Unresponsive), 0U);
  world.advance(8s);
  EXPECT_EQ(events->count(EventKind::Unresponsive), 1U);
  world.advance(10s);
  EXPECT_EQ(events->count(EventKind::Unresponsive), 2U);
  EXPECT_EQ(events->count(EventKind::Failed), 0U);
}

TEST_P(ThisTaskTest, BetweenTheCallsOfAPeriodicCallableNoBeatIsExpected) {
  int calls = 0;
  s.supervise(every(10s, [&] { this_task::sleep_for(++calls == 3 ? 5s : 900ms); }), {.heartbeat_timeout = 1s});
  world.advance(19s);
  EXPECT_EQ(events->count(EventKind::Unresponsive), 0U);
  world.advance(20s);
  EXPECT_EQ(calls, 4);
  EXPECT_EQ(events->count(EventKind::Unresponsive), 1U);  // in the third call
}

TEST_P(ThisTaskTest, UnderFailAnUnresponsiveAttemptIsStoppedWithoutItsHookAndHasFailed) {
  int hooks = 0;
  int attempts = 0;
  auto task = s.supervise(
      [&] {
        ++attempts;
        while (this_task::sleep_for(1h)) {
        }
      },
      {.on_exception = OnException::Retry,
       .backoff = Backoff::constant(1s),
       .shutdown_hook = [&] { ++hooks; },
       .heartbeat_timeout = 10s,
       .on_unresponsive = OnUnresponsive::Fail});
  world.advance(10500ms);
  EXPECT_EQ(task.state(), TaskState::Backoff);
  EXPECT_EQ(task.snapshot().failed, 1U);
  EXPECT_EQ(task.snapshot().last_failure->message(), "no heartbeat within heartbeat_timeout");
  world.advance(1s);
  EXPECT_EQ(attempts, 2);
  EXPECT_EQ(hooks, 0);
  s.shutdown();
  EXPECT_EQ(hooks, 1);
}

}  // namespace
}  // namespace engin
