// What virtual time cannot show: runners, and what jobs find on their threads.
#include <algorithm>
#include <atomic>
#include <cfenv>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>

#include "engin/supervisor.h"
#include "test/supervisor/threads_kit.h"

namespace engin {
namespace {

using namespace std::chrono_literals;

TEST_F(ThreadsTest, AScopedTaskMayGoBeforeTheStartAndDuringAShutdownThatNobodyWaitsFor) {
  Supervisor s(options());
  bool destroyed = false;
  std::shared_ptr<void> captured(nullptr, [&](void*) { destroyed = true; });
  {
    const ScopedTask scoped(s.supervise([c = std::exchange(captured, nullptr)] {}));
  }
  EXPECT_TRUE(destroyed);
  destroyed = false;
  captured = std::shared_ptr<void>(nullptr, [&](void*) { destroyed = true; });
  {
    const ScopedTask scoped(s.supervise([c = std::exchange(captured, nullptr)] {}));
    s.request_shutdown();
  }
  EXPECT_TRUE(destroyed);
  EXPECT_TRUE(s.shutdown().clean());
}

TEST_F(ThreadsTest, WhatIsStoppedAndRestartedBeforeTheStartBeginsWithIt) {
  rules.by_hand = true;
  Supervisor s(options());
  std::atomic<int> hooks{0}, ran{0};
  const TaskOptions with_hook{.shutdown_hook = [&] { ++hooks; }};
  const TaskHandle again = s.supervise([&] { ++ran; }, with_hook), stopped = s.supervise([&] { ++ran; }, with_hook);
  for (const TaskHandle& task : {again, stopped}) {
    EXPECT_EQ(task.stop(Patience), StopResult::Stopped);
    EXPECT_EQ(task.restart(), RestartResult::Started);
  }
  EXPECT_EQ(stopped.stop(Patience), StopResult::AlreadyEnded);
  {
    const TaskHandle dropped = s.supervise([&] { ++ran; }, with_hook);
    EXPECT_EQ(dropped.stop(Patience), StopResult::Stopped);
    EXPECT_EQ(dropped.restart(), RestartResult::Started);
  }
  s.start();
  EXPECT_TRUE(s.wait_all());
  EXPECT_EQ(ran.load(), 2);
  EXPECT_EQ(again.state(), TaskState::Completed);
  EXPECT_EQ(stopped.state(), TaskState::Stopped);
  EXPECT_EQ(hooks.load(), 0);
  EXPECT_TRUE(s.shutdown().clean());
}

TEST_F(ThreadsTest, AnEndlessTaskStopsWithinATenthOfASecond) {
  Duration best = Duration::max();
  for (int round = 0; round < 5; ++round) {
    Supervisor s({.default_observer = false});
    Gate runs;
    s.supervise([&] {
      runs.open();
      while (this_task::sleep_for(1h)) {
      }
    });
    s.supervise([](std::stop_token) -> Co<> {
      while (co_await sleep_for(1h)) {
      }
    });
    s.start();
    ASSERT_TRUE(runs.wait());
    const ShutdownReport& report = s.shutdown();
    EXPECT_TRUE(report.clean());
    best = std::min(best, report.duration);
  }
  EXPECT_LT(best, 100ms);
}

TEST_F(ThreadsTest, AnAttemptThatBeganSaysHowLongItHadWaitedForItsRunner) {
  SupervisorOptions one = options();
  one.runners = one.max_runners = 1;
  Supervisor s(one);
  s.start();
  Gate held;
  Gate release;
  s.supervise([&] {
    held.open();
    release.wait();
  });
  ASSERT_TRUE(held.wait());
  const TaskHandle second = s.supervise(sleeps_until_stopped());
  const auto give_up = std::chrono::steady_clock::now() + Patience;
  while (second.snapshot().queued < 2ms && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
  release.open();
  while (second.state() == TaskState::Queued && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
  const Duration waited = second.snapshot().queued;
  EXPECT_GE(waited, 2ms);
  EXPECT_EQ(second.snapshot().queued, waited) << "it waits no more";
  s.shutdown();
}

TEST_F(ThreadsTest, TheSnapshotCountsTheRunners) {
  Supervisor s({.runners = 3, .max_runners = 17, .default_observer = false});
  EXPECT_EQ(s.snapshot().runners, 0);
  s.start();
  EXPECT_EQ(s.snapshot().runners, 3);
  EXPECT_EQ(s.snapshot().max_runners, 17);
  EXPECT_EQ(s.snapshot().captured, 0);
  const TaskHandle blocks = s.supervise(
      [] {
        this_task::ready();
        while (this_task::sleep_for(1h)) {
        }
      },
      {.blocking = true});
  ASSERT_TRUE(blocks.wait_ready(Patience));
  EXPECT_EQ(s.snapshot().captured, 1) << "it said so, and was believed at once";
  s.shutdown();
}

TEST_F(ThreadsTest, ARunnerThatIsAddedIsTold) {
  const auto told = std::make_shared<testing::Recorder>();
  Supervisor s({.runners = 1, .observers = {told}, .default_observer = false});
  s.start();
  std::vector<TaskHandle> tasks;
  for (int i = 0; i < 2; ++i) {
    tasks.push_back(s.supervise(
        [] {
          this_task::ready();
          while (this_task::sleep_for(1h)) {
          }
        },
        {.blocking = true}));
  }
  for (const TaskHandle& task : tasks) ASSERT_TRUE(task.wait_ready(Patience));
  s.shutdown();
  std::vector<std::uint64_t> runners;
  for (const Event& event : told->events()) {
    if (event.kind == EventKind::RunnerAdded) runners.push_back(event.count);
  }
  ASSERT_FALSE(runners.empty());
  EXPECT_EQ(runners[0], 2u);
}

TEST_F(ThreadsTest, WithAllRunnersHeldTheSnapshotSaysWhoHoldsThemAndWhoWaitsAndShutdownIsQuick) {
  Duration best = Duration::max();
  for (int round = 0; round < 5; ++round) {
    class Starving final : public Observer {
     public:
      void on_event(const Event& e) override {
        if (e.kind != EventKind::Starvation) return;
        detail = e.detail;
        count = e.count;
        told.open();
      }
      Gate told;
      std::string detail;
      std::uint64_t count = 0;
    };
    const auto starving = std::make_shared<Starving>();
    Supervisor s({.runners = 1, .max_runners = 2, .observers = {starving}, .default_observer = false});
    const auto holds = [](std::stop_token stop) {
      this_task::ready();
      std::mutex mutex;
      std::condition_variable_any changed;
      std::unique_lock lock(mutex);
      changed.wait(lock, stop, [] { return false; });
    };
    s.start();
    const TaskHandle first = s.supervise(holds, {.name = "first"});
    const TaskHandle second = s.supervise(holds, {.name = "second"});
    ASSERT_TRUE(first.wait_ready(Patience));
    ASSERT_TRUE(second.wait_ready(Patience));
    const TaskHandle third = s.supervise(holds, {.name = "third"});
    ASSERT_TRUE(starving->told.wait());
    EXPECT_EQ(starving->detail, "max_runners is reached; held by first, second");
    EXPECT_EQ(starving->count, 1u);
    const SupervisorSnapshot seen = s.snapshot();
    EXPECT_THAT(seen.holders, ::testing::ElementsAre("first", "second"));
    EXPECT_THAT(seen.waiting, ::testing::ElementsAre("third"));
    for (const TaskSnapshot& t : seen.tasks) EXPECT_EQ(t.waits_for, t.name == "third" ? "first, second" : "") << t.name;
    EXPECT_THAT(third.snapshot().explain(), ::testing::HasSubstr("waiting for a runner"));
    const ShutdownReport& report = s.shutdown();
    EXPECT_TRUE(report.clean()) << report;
    EXPECT_EQ(third.snapshot().attempt, 0u);
    best = std::min(best, report.duration);
  }
  EXPECT_LT(best, 50ms);
}

TEST_F(ThreadsTest, OfManyWhoHoldTheRunnersStarvationNamesTheFirstEight) {
  class Starving final : public Observer {
   public:
    void on_event(const Event& e) override {
      if (e.kind != EventKind::Starvation) return;
      detail = e.detail;
      told.open();
    }
    Gate told;
    std::string detail;
  };
  for (const int holders : {8, 10}) {
    const auto starving = std::make_shared<Starving>();
    Supervisor s({.runners = 1, .max_runners = holders, .observers = {starving}, .default_observer = false});
    s.start();
    for (int i = 1; i <= holders; ++i) {
      const TaskHandle holds = s.supervise(
          [] {
            this_task::ready();
            while (this_task::sleep_for(1h)) {
            }
          },
          {.name = "t" + std::to_string(i), .blocking = true});
      ASSERT_TRUE(holds.wait_ready(Patience));
    }
    s.supervise([] {});
    ASSERT_TRUE(starving->told.wait());
    const std::string eight = "max_runners is reached; held by t1, t2, t3, t4, t5, t6, t7, t8";
    EXPECT_EQ(starving->detail, holders == 8 ? eight : eight + " and 2 more");
    EXPECT_TRUE(s.shutdown().clean());
  }
}

TEST_F(ThreadsTest, NewCoroutinesAndRestartsGoBeforeABacklogOfNewCallables) {
  constexpr int Backlog = 50;
  Supervisor s({.runners = 1, .max_runners = 1, .default_observer = false});
  s.start();
  std::mutex mutex;
  std::vector<std::string> order;
  const auto runs = [&](std::string name) {
    const std::lock_guard lock(mutex);
    order.push_back(std::move(name));
  };
  const TaskHandle again = s.supervise([&] { runs("again"); });
  ASSERT_TRUE(again.wait_for(Patience));
  Gate held, release;
  s.supervise([&] {
    held.open();
    release.wait();
  });
  ASSERT_TRUE(held.wait());  // the only runner, so that all that follows waits for it
  for (int i = 0; i < Backlog; ++i) s.supervise([&] { runs("new"); });
  s.supervise([&]() -> Co<> {
    runs("coroutine");
    co_return;
  });
  EXPECT_EQ(again.restart(), RestartResult::Started);
  order.clear();
  release.open();
  EXPECT_TRUE(s.wait_all());
  ASSERT_EQ(order.size(), Backlog + 2u);
  const auto place = [&](const char* name) { return std::find(order.begin(), order.end(), name) - order.begin(); };
  EXPECT_LT(place("coroutine"), 5) << "now and then one of the backlog has its turn";
  EXPECT_LT(place("again"), 5);
  s.shutdown();
}

TEST_F(ThreadsTest, OneThatFailsForEverWithoutADelayLeavesTurnsToOthersOnTheOnlyRunner) {
  Supervisor s({.runners = 1, .max_runners = 1, .default_observer = false});  // an observer would take turns with it
  s.start();
  Gate runs;
  s.supervise(
      [&] {
        runs.open();
        throw 1;
      },
      {.on_exception = OnException::Retry, .backoff = Backoff::immediate()});
  ASSERT_TRUE(runs.wait());
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(s.supervise([] {}).wait_for(Patience), Outcome::Completed);
    if (HasFailure()) break;
  }
  s.shutdown();
}

TEST_F(ThreadsTest, AJobOfAnyKindFindsTheSignalMaskOfWhoStartedTheSupervisor) {
  sigset_t before, usr1;
  ::sigemptyset(&usr1);
  ::sigaddset(&usr1, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &usr1, &before);
  Supervisor s(options());
  s.start();
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  const auto blocked = [](int signal) {
    sigset_t mask;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    return ::sigismember(&mask, signal) == 1;
  };
  std::atomic<int> as_expected = 0;
  const auto look = [&] {
    if (blocked(SIGUSR1) && !blocked(SIGUSR2)) ++as_expected;
  };
  const TaskHandle coroutine = s.supervise([&]() -> Co<> {
    look();
    co_return;
  });
  EXPECT_EQ(coroutine.wait_for(Patience), Outcome::Completed);  // the first job of its runner, maybe
  const TaskHandle plain = s.supervise([&] { look(); });
  EXPECT_EQ(plain.wait_for(Patience), Outcome::Completed);
  Gate called;
  s.supervise(every(1h, [&] {
    look();
    called.open();
  }));
  EXPECT_TRUE(called.wait());
  EXPECT_EQ(as_expected, 3);
  s.shutdown();
}

#ifndef NDEBUG
TEST_F(ThreadsTest, ADebugBuildSaysWhatAPlainCallableChangedOfItsThread) {
  SupervisorOptions o = options();
  o.runners = o.max_runners = 1;
  ::testing::internal::CaptureStderr();
  {
    Supervisor s(o);
    s.start();
    const auto runs = [&](auto f, const char* name) {
      EXPECT_EQ(s.supervise(f, {.name = name}).wait_for(Patience), Outcome::Completed);
    };
    const auto change_all = [] {
      sigset_t usr1;
      ::sigemptyset(&usr1);
      ::sigaddset(&usr1, SIGUSR1);
      ::pthread_sigmask(SIG_BLOCK, &usr1, nullptr);
      std::fesetround(FE_UPWARD);
      ::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    };
    runs([] {}, "tidy");
    runs([] { std::fesetround(FE_DOWNWARD); }, "rounds");
    runs(change_all, "untidy");
    runs([] {}, "tidy again");
    runs(
        [&]() -> Co<> {
          change_all();
          co_return;
        },
        "coroutine");
    runs([] {}, "tidy once more");
    s.shutdown();
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "engin: task 'rounds' changed the floating-point mode of its thread, and did not put it back\n"
            "engin: task 'untidy' changed the signal mask, the floating-point mode, the timer slack of its thread, and "
            "did not put it back\n");
}
#endif

TEST_F(ThreadsTest, HooksAndStopCallbacksThatHangTakeNoRunnerFromAnybody) {
  rules.by_hand = true;
  SupervisorOptions few = options();
  few.runners = few.max_runners = 2;
  Gate quit;
  Supervisor s(few);
  s.start();
  const auto waits = [](std::stop_token) -> Co<> {
    while (co_await sleep_for(1h)) {
    }
  };
  TaskHandle hooked = s.supervise(waits, {.shutdown_hook = [&] { quit.wait(); }, .hook_timeout = 50ms});
  rules.hooked.insert(hooked.id());
  Gate runs;
  TaskHandle called = s.supervise([&](std::stop_token stop) {
    const std::stop_callback callback(stop, [&] { quit.wait(); });
    runs.open();
    while (this_task::sleep_for(1h)) {
    }
  });
  ASSERT_TRUE(runs.wait());
  hooked.request_stop();
  called.request_stop();
  std::atomic<int> ticks{0};
  Gate ticked;
  s.supervise(every(1ms, [&] {
    if (++ticks == 100) ticked.open();
  }));
  EXPECT_TRUE(ticked.wait()) << "every runner is held";
  TaskHandle innocent = s.supervise(waits);
  EXPECT_EQ(innocent.stop(Patience), StopResult::Stopped);
  quit.open();
  s.shutdown();
}

TEST_F(ThreadsTest, AnAttemptWhoseCleanUpBlocksIsStillThatAttempt) {
  struct Cleanup {
    Gate& begun;
    Gate& go_on;
    ~Cleanup() {
      begun.open();
      go_on.wait();
    }
  };
  Gate begun, go_on;
  std::atomic<int> live = 0, most = 0;
  Supervisor s(options());
  s.start();
  const TaskHandle task = s.supervise(
      [&] {
        most = std::max(most.load(), ++live);
        const std::shared_ptr<void> end(nullptr, [&](void*) { --live; });
        if (this_task::attempt() > 1) return;
        const Cleanup cleanup{begun, go_on};
        throw std::runtime_error("broken");
      },
      {.name = "t", .on_exception = OnException::Retry, .backoff = Backoff::immediate()});
  ASSERT_TRUE(begun.wait());
  for (int i = 0; i < 100; ++i) {
    const SupervisorSnapshot seen = s.snapshot();
    ASSERT_EQ(seen.tasks.size(), 1u);
    EXPECT_EQ(seen.tasks[0].state, TaskState::Running);
    EXPECT_EQ(seen.tasks[0].attempt, 1u);
    EXPECT_EQ(seen.tasks[0].failed, 0u);
  }
  EXPECT_EQ(task.restart(), RestartResult::Started);
  go_on.open();
  EXPECT_EQ(task.wait_for(Patience), Outcome::Completed);
  EXPECT_EQ(most, 1);
  s.shutdown();
  rules.by_hand = true;
}

TEST_F(ThreadsTest, EightEndlessCallablesAllRun) {
  Supervisor s(options());
  std::latch all(8);
  for (int i = 0; i < 8; ++i) {
    s.supervise([&] {
      all.count_down();
      while (this_task::sleep_for(1h)) {
      }
    });
  }
  s.start();
  const auto until = std::chrono::steady_clock::now() + Patience;
  while (!all.try_wait() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  EXPECT_TRUE(all.try_wait());
  EXPECT_TRUE(s.shutdown().clean());
}

TEST_F(ThreadsTest, WaitingInATaskIsRefusedByName) {
  Supervisor s(options());
  std::string text;
  const TaskHandle task = s.supervise(
      [&] {
        try {
          s.wait();
        } catch (const WouldDeadlock& e) {
          text = e.what();
        }
      },
      {.name = "culprit"});
  s.start();
  EXPECT_EQ(task.wait_for(Patience), Outcome::Completed);
  EXPECT_THAT(text, ::testing::HasSubstr("culprit"));
  s.shutdown();
}

TEST_F(ThreadsTest, MoveOnlyCallablesRunAndAThrowingMoveLeavesNothing) {
  struct ThrowsWhenMoved {
    explicit ThrowsWhenMoved(int moves) : left(moves) {}
    ThrowsWhenMoved(ThrowsWhenMoved&& other) : left(other.left - 1) {
      if (left < 0) throw std::runtime_error("moved");
    }
    void operator()() const {}
    int left;
  };
  Supervisor s(options());
  s.start();
  EXPECT_THROW(s.supervise(ThrowsWhenMoved(0), {.name = "t"}), std::runtime_error);
  std::promise<int> promise;
  auto answer = promise.get_future();
  s.supervise([p = std::move(promise)](std::stop_token) mutable { p.set_value(42); }, {.name = "t"});
  ASSERT_EQ(answer.wait_for(Patience), std::future_status::ready);
  EXPECT_EQ(answer.get(), 42);
  auto hooked = std::make_shared<std::atomic<int>>(0);
  s.supervise(
      [](std::stop_token) -> Co<> {
        while (co_await sleep_for(1h)) {
        }
      },
      {.shutdown_hook = [h = std::make_unique<std::shared_ptr<std::atomic<int>>>(hooked)] { ++**h; }});
  s.shutdown();
  EXPECT_EQ(*hooked, 1);
}

}  // namespace
}  // namespace engin
