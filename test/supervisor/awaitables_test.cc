#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "test/support/virtual_supervisor.h"

namespace engin {
namespace {

using namespace std::chrono_literals;

class AwaitablesTest : public test::VirtualTest {
 protected:
  AwaitablesTest() : s(options()) { s.start(); }

  Wakeup wakeup;  // before the supervisor: it must outlive its waiters
  Supervisor s;
};
ENGIN_WITH_SEEDS(AwaitablesTest);

TEST_P(AwaitablesTest, SleepLastsExactlyItsTime) {
  const TimePoint begin = world.now();
  TimePoint end{};
  auto task = s.supervise([&]() -> Co<> {
    EXPECT_TRUE(co_await sleep_for(90min));
    EXPECT_TRUE(co_await sleep_until(begin + 3h));
    EXPECT_TRUE(co_await sleep_for(-1s));
    EXPECT_TRUE(co_await sleep_until(begin));
    end = begin + 3h;
  });
  EXPECT_EQ(task.wait(), Outcome::Completed);
  EXPECT_EQ(world.now(), end);
}

TEST_P(AwaitablesTest, AStopEndsASleepAtOnceAndLaterOnesToo) {
  int cut = 0;
  auto task = s.supervise([&]() -> Co<> {
    for (int i = 0; i < 3; ++i) cut += co_await sleep_for(1h) ? 0 : 1;
    cut += co_await yield() ? 0 : 1;
  });
  world.run_until_idle();
  const TimePoint before = world.now();
  EXPECT_EQ(task.stop(10s), StopResult::Stopped);
  EXPECT_EQ(world.now(), before);
  EXPECT_EQ(cut, 4);
}

TEST_P(AwaitablesTest, IgnoreStopWaitsNevertheless) {
  const TimePoint begin = world.now();
  auto task = s.supervise([&]() -> Co<> {
    EXPECT_FALSE(co_await sleep_for(1h));
    EXPECT_TRUE(co_await sleep_for(2s, ignore_stop));
    EXPECT_TRUE(co_await sleep_until(begin + 3s, ignore_stop));
    EXPECT_TRUE(co_await yield(ignore_stop));
    EXPECT_EQ(co_await wakeup.wait_for(1s, ignore_stop), WaitResult::TimedOut);
  });
  world.run_until_idle();
  EXPECT_EQ(task.stop(10s), StopResult::Stopped);
  EXPECT_EQ(world.now(), begin + 4s);
}

TEST_P(AwaitablesTest, AForeverIsForever) {
  auto task = s.supervise([]() -> Co<> { EXPECT_FALSE(co_await sleep_for(std::chrono::hours::max())); });
  world.advance(24h * 365 * 100);
  EXPECT_EQ(task.state(), TaskState::Waiting);
  EXPECT_EQ(task.stop(1s), StopResult::Stopped);
}

TEST_P(AwaitablesTest, AnAttemptThatIgnoresItsStopIsReportedOnceAndHoldsUpNobody) {
  bool give_in = false;
  int rounds = 0;
  auto stubborn = s.supervise(
      [&]() -> Co<> {
        while (!give_in) {
          (void)co_await sleep_for(1s);
          ++rounds;
        }
      },
      {.name = "stubborn"});
  bool other_ran = false;
  world.run_until_idle();
  stubborn.request_stop();
  world.run_steps(6000);
  s.supervise([&] { other_ran = true; });
  world.run_steps(1000);
  EXPECT_TRUE(other_ran);
  EXPECT_GT(rounds, 1000);
  EXPECT_EQ(events->count(EventKind::StopIgnored), 1U);
  give_in = true;
  EXPECT_EQ(stubborn.wait(), Outcome::Stopped);
}

TEST_P(AwaitablesTest, ANotifyBeforeTheWaitLetsItReturnAtOnceAndOnlyOne) {
  wakeup.notify();
  wakeup.notify();
  int got = 0;
  auto task = s.supervise([&]() -> Co<> {
    while (co_await wakeup.wait()) ++got;
  });
  world.run_until_idle();
  EXPECT_EQ(got, 1);
  wakeup.notify();
  world.run_until_idle();
  EXPECT_EQ(got, 2);
}

TEST_P(AwaitablesTest, NotifyWakesTheOldestWaiterNotifyAllAllPresent) {
  std::vector<int> order;
  for (int i = 0; i < 3; ++i) {
    s.supervise([&order, this, i]() -> Co<> {
      if (co_await wakeup.wait()) order.push_back(i);
    });
    world.run_until_idle();
  }
  wakeup.notify();
  world.run_until_idle();
  EXPECT_EQ(order, std::vector<int>({0}));
  wakeup.notify_all();
  world.run_until_idle();
  EXPECT_EQ(order.size(), 3U);
  auto late = s.supervise([this]() -> Co<> { (void)co_await wakeup.wait(); });
  world.run_until_idle();
  EXPECT_EQ(late.state(), TaskState::Waiting) << "notify_all leaves no permit";
}

TEST_P(AwaitablesTest, ATimedWaitTellsWhatEndedIt) {
  std::vector<WaitResult> results;
  auto task = s.supervise([&]() -> Co<> {
    results.push_back(co_await wakeup.wait_for(1s));
    results.push_back(co_await wakeup.wait_for(1s));
    results.push_back(co_await wakeup.wait_for(1s));
  });
  world.advance(1s);
  wakeup.notify();
  world.run_until_idle();
  EXPECT_EQ(task.stop(1s), StopResult::Stopped);
  EXPECT_EQ(results, std::vector<WaitResult>({Wakeup::TimedOut, Wakeup::Signalled, Wakeup::Stopped}));
}

TEST_P(AwaitablesTest, ANotificationIsNotLostOnAWaiterThatStopOrItsTimeoutHasClaimed) {
  // The notify comes at the same instant as the stop of the first waiter: then the second gets it, or the permit stays.
  int got = 0;
  auto first = s.supervise([&]() -> Co<> { got += co_await wakeup.wait() ? 1 : 0; });
  world.run_until_idle();
  auto second = s.supervise([&]() -> Co<> { got += co_await wakeup.wait() ? 1 : 0; });
  world.run_until_idle();
  first.request_stop();
  world.spawn([&] { wakeup.notify(); });
  world.run_until_idle();
  EXPECT_EQ(got, 1);
  s.shutdown();  // while `got` is there
}

TEST_P(AwaitablesTest, AWaiterThatTimedOutLeavesTheWakeup) {
  {
    Wakeup brief;
    auto task = s.supervise([&]() -> Co<> { EXPECT_EQ(co_await brief.wait_for(1s), Wakeup::TimedOut); });
    EXPECT_EQ(task.wait(), Outcome::Completed);
  }
}

TEST_P(AwaitablesTest, AWakeupMayGoWhenItHasWokenItsWaiter) {
  auto mine = std::make_unique<Wakeup>();
  Wakeup* const there = mine.get();
  bool woken = false;
  auto task = s.supervise([&]() -> Co<> { woken = co_await there->wait(); });
  world.run_until_idle();
  mine->notify();
  // Its memory is used by something else, in which no mutex can be locked.
  mine->~Wakeup();
  std::memset(static_cast<void*>(there), 0xff, sizeof(Wakeup));
  EXPECT_EQ(task.wait(), Outcome::Completed);
  EXPECT_TRUE(woken);
  ::operator delete(mine.release());
}

TEST_P(AwaitablesTest, AnAwaiterThatTimedOutMayBeAwaitedOnceMore) {
  std::vector<Wakeup::Result> results;
  auto task = s.supervise([&]() -> Co<> {
    auto awaiter = wakeup.wait_for(1s);
    results.push_back(co_await awaiter);
    results.push_back(co_await awaiter);
  });
  world.advance(1s);
  wakeup.notify();
  EXPECT_EQ(task.wait(), Outcome::Completed);
  EXPECT_EQ(results, (std::vector{Wakeup::TimedOut, Wakeup::Signalled}));
}

TEST_P(AwaitablesTest, NothingIsCancelledThatIsOver) {
  int cancelled = 0;
  auto task = s.supervise([&]() -> Co<> {
    while (co_await sleep_for(1h)) {
    }
    co_await suspend([](Resumer resume) { resume(); }, [&] { ++cancelled; });
  });
  world.run_until_idle();
  EXPECT_EQ(task.stop(1s), StopResult::Stopped);
  EXPECT_EQ(cancelled, 0);
}

TEST_P(AwaitablesTest, AHooksBlockingFunctionHasTheHooksDeadline) {
  std::optional<Duration> left;
  auto task = s.supervise(
      []() -> Co<> {
        while (co_await sleep_for(1h)) {
        }
      },
      {.shutdown_hook = [&]() -> Co<> {
         const auto look = [&] { left = this_task::stop_deadline() - world.now(); };
         co_await blocking(look);
       },
       .hook_timeout = 3s});
  world.run_until_idle();
  EXPECT_EQ(task.stop(1s), StopResult::Stopped);
  EXPECT_EQ(left, std::optional<Duration>(3s));
}

TEST_P(AwaitablesTest, BlockingGivesResultAndExceptionAndIsInsideItsTask) {
  std::uint64_t attempt_inside = 0;
  std::string caught;
  auto task = s.supervise([&]() -> Co<> {
    const int seven = co_await blocking([&] {
      attempt_inside = this_task::attempt();
      return 7;
    });
    EXPECT_EQ(seven, 7);
    const auto eight = [] { return 8; };
    EXPECT_EQ(co_await blocking(eight), 8);
    auto failing = []() -> std::string { throw std::runtime_error("from blocking"); };
    try {
      co_await blocking(failing);
    } catch (const std::runtime_error& e) {
      caught = e.what();
    }
    auto move_only = co_await blocking([] { return std::make_unique<int>(3); });
    EXPECT_EQ(*move_only, 3);
  });
  EXPECT_EQ(task.wait(), Outcome::Completed);
  EXPECT_EQ(attempt_inside, 1U);
  EXPECT_EQ(caught, "from blocking");
}

TEST_P(AwaitablesTest, BlockingIsNeverCutShortButSeesTheToken) {
  bool saw_stop = false;
  auto task = s.supervise([&]() -> Co<> {
    const bool stopped = co_await blocking([&](std::stop_token token) {
      while (this_task::sleep_for(1s)) {
      }
      return token.stop_requested();
    });
    saw_stop = stopped;
  });
  world.advance(5s);
  EXPECT_EQ(task.stop(1s), StopResult::Stopped);
  EXPECT_TRUE(saw_stop);
}

TEST_P(AwaitablesTest, SuspendIsResumedByWhoeverHoldsTheResumer) {
  std::optional<Resumer> kept;
  bool resumed = false;
  auto task = s.supervise([&]() -> Co<> {
    co_await suspend([&](Resumer r) { kept = std::move(r); }, [] {});
    resumed = true;
    co_await suspend([](Resumer r) { EXPECT_TRUE(r()); }, [] {});  // before start has returned
  });
  world.advance(1s);
  EXPECT_FALSE(resumed);
  EXPECT_TRUE((*kept)());
  EXPECT_FALSE((*kept)()) << "the first call wins";
  EXPECT_EQ(task.wait(), Outcome::Completed);
}

TEST_P(AwaitablesTest, AResumerThatIsDroppedResumesWithAbandoned) {
  std::optional<Resumer> kept;
  auto task = s.supervise([&]() -> Co<> { co_await suspend([&](Resumer r) { kept = std::move(r); }, [] {}); },
                          {.on_exception = OnException::Ignore});
  world.run_until_idle();
  kept.reset();
  const Outcome outcome = task.wait();
  ASSERT_EQ(outcome, Outcome::Failed);
  EXPECT_NE(outcome.failure()->as<Abandoned>(), nullptr);
}

TEST_P(AwaitablesTest, AResumerThatAnotherOneIsAssignedToDropsItsOwn) {
  Resumer kept;
  const auto waits = [&]() -> Co<> { co_await suspend([&](Resumer r) { kept = std::move(r); }, [] {}); };
  auto first = s.supervise(waits, {.on_exception = OnException::Ignore});
  world.run_until_idle();
  auto second = s.supervise(waits);
  const Outcome outcome = first.wait();
  ASSERT_EQ(outcome, Outcome::Failed);
  EXPECT_NE(outcome.failure()->as<Abandoned>(), nullptr);
  EXPECT_TRUE(kept());
  EXPECT_EQ(second.wait(), Outcome::Completed);
}

TEST_P(AwaitablesTest, StopCallsCancelOnceAndStillAwaitsTheResumer) {
  std::optional<Resumer> kept;
  int cancels = 0;
  bool resumed = false;
  auto task = s.supervise([&]() -> Co<> {
    co_await suspend([&](Resumer r) { kept = std::move(r); }, [&] { ++cancels; });
    resumed = true;
  });
  world.run_until_idle();
  task.request_stop();
  world.advance(1s);
  EXPECT_EQ(cancels, 1);
  EXPECT_FALSE(resumed) << "the foreign operation may still own memory in the frame";
  (*kept)();
  EXPECT_EQ(task.wait(), Outcome::Stopped);
  EXPECT_EQ(cancels, 1);
}

TEST_P(AwaitablesTest, CancelMayResumeItself) {
  std::optional<Resumer> kept;
  auto task =
      s.supervise([&]() -> Co<> { co_await suspend([&](Resumer r) { kept = std::move(r); }, [&] { (*kept)(); }); });
  world.run_until_idle();
  EXPECT_EQ(task.stop(1s), StopResult::Stopped);
}

TEST_P(AwaitablesTest, WhatStartThrowsIsThrownThereAndAResumerThatGotAwayDoesNothing) {
  std::optional<Resumer> kept;
  auto task = s.supervise(
      [&]() -> Co<> {
        co_await suspend(
            [&](Resumer r) {
              kept = std::move(r);
              throw std::runtime_error("cannot begin");
            },
            [] {});
      },
      {.on_exception = OnException::Ignore});
  EXPECT_EQ(task.wait().failure()->message(), "cannot begin");
  EXPECT_FALSE((*kept)());
}

TEST_P(AwaitablesTest, AResumerMayOutliveItsTask) {
  std::optional<Resumer> kept;
  {
    Supervisor other(options());
    auto task = other.supervise([&]() -> Co<> {
      co_await suspend(
          [&](Resumer r) {
            Resumer copy = std::move(r);
            copy();
            kept = std::move(copy);
          },
          [] {});
    });
    other.start();
    EXPECT_EQ(task.wait(), Outcome::Completed);
  }
  EXPECT_FALSE((*kept)());
}

TEST(WakeupDeathTest, DestroyingAWakeupWithWaitersFailsLoudly) {
  EXPECT_DEATH(
      {
        testing::VirtualRuntime world(1);
        Supervisor s({.default_observer = false, .runtime = world});
        auto wakeup = std::make_unique<Wakeup>();
        s.supervise([&]() -> Co<> { (void)co_await wakeup->wait(); });
        s.start();
        world.run_until_idle();
        wakeup.reset();
      },
      "Wakeup was destroyed while coroutines wait");
}

}  // namespace
}  // namespace engin
