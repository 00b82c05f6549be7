// On real threads: what virtual time cannot show. Every wait is bounded; times are upper bounds that a loaded machine
// keeps too, or the best of several rounds.
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
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>

#include "engin/supervisor.h"
#include "engin/testing/recorder.h"
#include "test/support/event_rules.h"

namespace engin {
namespace {

using namespace std::chrono_literals;

constexpr auto Patience = 20s;

/// Opened once; who waits at it waits at most for a while.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    opened_.notify_all();
  }
  bool wait(std::chrono::milliseconds most = Patience) {
    std::unique_lock lock(mutex_);
    return opened_.wait_until(lock, std::chrono::steady_clock::now() + most, [this] { return is_open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool is_open_ = false;
};

class ThreadsTest : public ::testing::Test {
 protected:
  SupervisorOptions options() { return {.observers = {recorder}, .default_observer = false}; }
  void TearDown() override {
    rules.exact = false;
    for (const std::string& what : test::violations(recorder->events(), rules)) ADD_FAILURE() << what;
  }
  const std::shared_ptr<testing::Recorder> recorder = std::make_shared<testing::Recorder>();
  test::EventRules rules;
};

auto sleeps_until_stopped() {
  return [] {
    while (this_task::sleep_for(1h)) {
    }
  };
}

/// The tasks that a report names, in order. Not the observers: one that a loaded machine holds up in the midst of a
/// call while the report is made is named, and rightly so.
std::vector<std::string> straggling_tasks(const ShutdownReport& report) {
  std::vector<std::string> names;
  for (const Straggler& straggler : report.stragglers) {
    if (straggler.id != 0) names.push_back(straggler.name);
  }
  std::sort(names.begin(), names.end());
  return names;
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
    EXPECT_THAT(third.snapshot().explain(), ::testing::HasSubstr("waiting for a runner"));
    const ShutdownReport& report = s.shutdown();
    EXPECT_TRUE(report.clean()) << report;
    EXPECT_EQ(third.snapshot().attempt, 0u);
    best = std::min(best, report.duration);
  }
  EXPECT_LT(best, 50ms);
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

TEST_F(ThreadsTest, RequestsOfShutdownFromTenThreadsAreOneShutdown) {
  Supervisor s(options());
  for (int i = 0; i < 4; ++i) s.supervise(sleeps_until_stopped());
  s.start();
  std::latch together(10);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 10; ++i) {
    threads.emplace_back([&, i] {
      together.arrive_and_wait();
      s.request_shutdown("thread " + std::to_string(i));
    });
  }
  const ShutdownReport* report = s.wait_for(Patience);
  ASSERT_NE(report, nullptr);
  EXPECT_TRUE(report->clean());
  EXPECT_THAT(report->cause.reason, ::testing::StartsWith("thread "));
  EXPECT_EQ(recorder->count(EventKind::ShutdownBegan), 1u);
  EXPECT_EQ(recorder->count(EventKind::ShutdownEnded), 1u);
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

TEST_F(ThreadsTest, TheDestructorWithoutShutdownIsAnOrderlyStop) {
  std::atomic<bool> hook = false, ended = false;
  {
    Supervisor s(options());
    Gate runs;
    s.supervise(
        [&] {
          runs.open();
          while (this_task::sleep_for(1h)) {
          }
          EXPECT_TRUE(hook);
          ended = true;
        },
        {.shutdown_hook = [&] { hook = true; }});
    s.start();
    ASSERT_TRUE(runs.wait());
  }
  EXPECT_TRUE(ended);
}

TEST_F(ThreadsTest, ASupervisorThatNeverStartedIsShutDownByWhoeverAsks) {
  std::atomic<int> destroyed = 0;
  for (const bool by_destructor : {false, true}) {
    Supervisor s(options());
    const auto last = std::shared_ptr<void>(nullptr, [&](void*) { ++destroyed; });
    const TaskHandle task = s.supervise([last] {}, {.name = by_destructor ? "b" : "a"});
    EXPECT_THROW(s.wait(), NotStarted);
    if (by_destructor) continue;
    const ShutdownReport& report = s.shutdown();
    EXPECT_TRUE(report.clean());
    EXPECT_EQ(task.wait_for(Patience), Outcome::Stopped);
    recorder->clear();
  }
  EXPECT_EQ(destroyed, 2);
  EXPECT_EQ(recorder->count(EventKind::AttemptStarted), 0u);
}

TEST_F(ThreadsTest, ASupervisorThatNeverStartedIsShutDownByItsDeadlineWhateverHangs) {
  Gate release;
  Supervisor s({.shutdown_timeout = 200ms, .observers = {recorder}, .default_observer = false});
  s.supervise([last = std::shared_ptr<void>(nullptr, [&](void*) { release.wait(); })] {}, {.name = "hangs"});
  const auto begun = std::chrono::steady_clock::now();
  const ShutdownReport& report = s.shutdown();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, Patience / 2);
  ASSERT_EQ(report.stragglers.size(), 1u);
  EXPECT_EQ(report.stragglers[0].name, "hangs");
  EXPECT_EQ(report.stragglers[0].what, "destructor");
  release.open();
  rules.deadline_came = true;
}

TEST_F(ThreadsTest, AStopCallbackMayWantALockThatItsCallerHolds) {
  Supervisor s(options());
  std::mutex mutex;
  std::latch ready(2);
  const auto body = [&](std::stop_token stop) {
    const std::stop_callback callback(stop, [&] { const std::lock_guard lock(mutex); });
    ready.count_down();
    while (this_task::sleep_for(1h)) {
    }
  };
  const TaskHandle one = s.supervise(body), other = s.supervise(body);
  s.start();
  const auto until = std::chrono::steady_clock::now() + Patience;
  while (!ready.try_wait() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  {
    const std::lock_guard lock(mutex);
    one.request_stop();
    s.request_shutdown();
  }
  const ShutdownReport* report = s.wait_for(Patience);
  ASSERT_NE(report, nullptr);
  EXPECT_TRUE(report->clean());
}

TEST_F(ThreadsTest, AnAbandonedStragglerEndsAfterTheSupervisorIsGone) {
  const auto release = std::make_shared<Gate>();
  const auto over = std::make_shared<Gate>();
  TaskHandle task;
  {
    SupervisorOptions o = options();
    o.shutdown_timeout = 200ms;
    o.on_straggler = OnStraggler::Abandon;
    Supervisor s(o);
    Gate runs;
    task = s.supervise(
        [release, over, &runs] {
          runs.open();
          release->wait();
          over->open();
        },
        {.name = "stuck"});
    s.start();
    ASSERT_TRUE(runs.wait());
    const ShutdownReport& report = s.shutdown();
    EXPECT_THAT(straggling_tasks(report), ::testing::ElementsAre("stuck")) << report;
    EXPECT_EQ(report.stragglers.at(0).what, "body");
    EXPECT_EQ(report.exit_code(), 2);
  }
  EXPECT_FALSE(is_ended(task.state()));
  EXPECT_EQ(task.restart(), RestartResult::Refused);
  release->open();
  EXPECT_TRUE(over->wait());
  EXPECT_EQ(task.wait_for(Patience), Outcome::Stopped);
  rules.deadline_came = true;
}

TEST_F(ThreadsTest, TwoShutdownsAndTheDestructorAreOneShutdown) {
  for (int round = 0; round < 20; ++round) {
    auto s = std::make_unique<Supervisor>(SupervisorOptions{.default_observer = false});
    for (int i = 0; i < 3; ++i) s->supervise(sleeps_until_stopped());
    s->start();
    std::latch together(3);
    const auto shut_down = [&] {
      together.arrive_and_wait();
      const ShutdownReport& report = s->shutdown();
      EXPECT_TRUE(report.clean());
      return &report;
    };
    auto first = std::async(std::launch::async, shut_down);
    auto second = std::async(std::launch::async, shut_down);
    together.arrive_and_wait();
    if (round % 2 == 0) s->request_shutdown();
    EXPECT_EQ(first.get(), second.get());
    s.reset();
  }
}

TEST_F(ThreadsTest, AnObserverThatBlocksForEverDoesNotKeepShutdownFromReturning) {
  class Blocks : public Observer {
   public:
    explicit Blocks(Gate& release) : release_(release) {}
    void on_event(const Event& e) override {
      if (e.kind == EventKind::StopRequested || e.kind == EventKind::ShutdownBegan) release_.wait();
    }
    Gate& release_;
  };
  Gate release;
  SupervisorOptions o = options();
  o.observers.push_back(std::make_shared<Blocks>(release));
  o.shutdown_timeout = 300ms;
  Supervisor s(o);
  const TaskHandle task = s.supervise(sleeps_until_stopped());
  s.start();
  const auto begun = std::chrono::steady_clock::now();
  const ShutdownReport& report = s.shutdown();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 300ms + 5s);
  EXPECT_FALSE(report.clean());
  bool named = false;
  for (const Straggler& straggler : report.stragglers) named = named || straggler.what == "observer";
  EXPECT_TRUE(named);
  release.open();
  rules.deadline_came = true;
}

TEST_F(ThreadsTest, AnObserverThatBlocksInATasksEventDelaysNoOtherTaskAndNoStop) {
  class Blocks : public Observer {
   public:
    explicit Blocks(Gate& release) : release_(release) {}
    void on_event(const Event& e) override {
      if (e.kind == EventKind::Failed) release_.wait();
    }
    Gate& release_;
  };
  Gate release;
  SupervisorOptions o = options();
  o.runners = 1;
  o.observers.push_back(std::make_shared<Blocks>(release));
  Supervisor s(o);
  const TaskHandle held = s.supervise([] { throw std::runtime_error("broken"); },
                                      {.on_exception = OnException::Retry, .backoff = Backoff::immediate()});
  s.start();
  const TaskHandle other = s.supervise([] {});
  EXPECT_EQ(other.wait_for(Patience), Outcome::Completed);
  EXPECT_EQ(held.stop(Patience), StopResult::Stopped);
  EXPECT_EQ(held.snapshot().attempt, 1u);
  release.open();
  s.shutdown();
}

TEST_F(ThreadsTest, ASlowStopCallbackDelaysNoOtherTask) {
  Supervisor s(options());
  Gate release;
  std::latch ready(2);
  const TaskHandle slow = s.supervise(
      [&](std::stop_token stop) {
        // It waits for the callback, which it would take off again if the token woke it before.
        Gate called;
        const std::stop_callback callback(stop, [&] {
          called.open();
          release.wait();
        });
        ready.count_down();
        called.wait();
      },
      {.name = "slow"});
  const TaskHandle quick = s.supervise(
      [&] {
        ready.count_down();
        while (this_task::sleep_for(1h)) {
        }
      },
      {.name = "quick"});
  s.start();
  const auto until = std::chrono::steady_clock::now() + Patience;
  while (!ready.try_wait() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  s.request_shutdown();
  EXPECT_EQ(quick.wait_for(Patience), Outcome::Stopped);
  EXPECT_FALSE(is_ended(slow.state()));
  release.open();
  EXPECT_EQ(slow.wait_for(Patience), Outcome::Stopped);
  const ShutdownReport* report = s.wait_for(Patience);
  ASSERT_NE(report, nullptr);
  EXPECT_TRUE(report->clean());
}

TEST_F(ThreadsTest, HungHooksTasksAndStopCallbacksEndByTheDeadlineAndExactlyTheyAreNamed) {
  Gate release;
  SupervisorOptions o = options();
  o.shutdown_timeout = 400ms;
  Supervisor s(o);
  std::latch ready(4);
  const auto body = [&] {
    ready.count_down();
    while (this_task::sleep_for(1h)) {
    }
  };
  s.supervise(body, {.name = "good"});
  s.supervise(body, {.name = "hung hook", .shutdown_hook = [&] { release.wait(); }});
  s.supervise(
      [&] {
        ready.count_down();
        release.wait();
      },
      {.name = "hung body"});
  // It returns when its callback runs: a body that its token woke might take the callback off before that.
  s.supervise(
      [&](std::stop_token stop) {
        Gate called;
        const std::stop_callback callback(stop, [&] {
          called.open();
          release.wait();
        });
        ready.count_down();
        called.wait();
      },
      {.name = "hung callback"});
  s.start();
  const auto until = std::chrono::steady_clock::now() + Patience;
  while (!ready.try_wait() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  const auto begun = std::chrono::steady_clock::now();
  const ShutdownReport& report = s.shutdown();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 400ms + 5s);
  std::vector<std::string> names = straggling_tasks(report);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  EXPECT_THAT(names, ::testing::ElementsAre("hung body", "hung callback", "hung hook")) << report;
  EXPECT_EQ(report.exit_code(), 2);
  release.open();
  rules.deadline_came = true;
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

TEST_F(ThreadsTest, SupervisingFromManyThreadsDuringAShutdownKeepsAllOrNothing) {
  for (int round = 0; round < 10; ++round) {
    std::atomic<int> accepted = 0, destroyed = 0, made = 0;
    struct Counted {
      explicit Counted(std::atomic<int>& m, std::atomic<int>& d) : destroyed(&d) { ++m; }
      Counted(Counted&& other) noexcept : destroyed(std::exchange(other.destroyed, nullptr)) {}
      ~Counted() {
        if (destroyed != nullptr) ++*destroyed;
      }
      std::atomic<int>* destroyed;
    };
    {
      Supervisor s({.default_observer = false});
      s.start();
      std::latch together(5);
      std::vector<std::jthread> threads;
      for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
          together.arrive_and_wait();
          for (int i = 0; i < 50; ++i) {
            try {
              s.supervise([c = Counted(made, destroyed)] { (void)c; });
              ++accepted;
            } catch (const SupervisorStopping&) {
            }
          }
        });
      }
      together.arrive_and_wait();
      s.request_shutdown();
      threads.clear();
      const ShutdownReport& report = s.wait();
      EXPECT_TRUE(report.clean());
      EXPECT_EQ(s.snapshot().total_tasks, static_cast<std::uint64_t>(accepted));
    }
    EXPECT_EQ(made, destroyed);
  }
}

TEST_F(ThreadsTest, TheFailureOfATaskRacingWithShutdownIsEitherTheCauseOrLate) {
  for (int round = 0; round < 50; ++round) {
    Supervisor s({.default_observer = false});
    std::latch together(2);
    s.supervise(
        [&] {
          together.arrive_and_wait();
          throw std::runtime_error("broken");
        },
        {.name = "t"});
    s.start();
    together.arrive_and_wait();
    const ShutdownReport& report = s.shutdown();
    const bool caused = report.cause.kind == ShutdownCause::Kind::TaskFailed;
    const bool stopped = report.find("t") != nullptr && report.find("t")->outcome == Outcome::Stopped;
    EXPECT_EQ(report.exit_code(), caused ? 1 : stopped ? 0 : 2);
    EXPECT_EQ(report.total_failed, stopped ? 0u : 1u);
  }
}

}  // namespace
}  // namespace engin
