// What belongs to the user and when it is destroyed; what a handle, a report and a thread keep of a supervisor.
#include <chrono>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
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

ENGIN_SCENARIO(LifetimeTest, WhatARemovedTaskCapturedIsDestroyedOnARunner) {
  struct Watch {
    runtime::VirtualWorld* world;
    std::optional<bool>* inside;
    ~Watch() { *inside = world->inside(); }
  };
  Supervisor& s = started();
  std::optional<bool> inside;
  auto task = s.supervise([watch = std::make_unique<Watch>(Watch{&world.world(), &inside})] {});
  inside.reset();
  task.wait();
  EXPECT_TRUE(task.remove());
  world.run_until_idle();
  EXPECT_EQ(inside, std::optional(true)) << "and while there is a handle";
  s.shutdown();
}

ENGIN_SCENARIO(LifetimeTest, ShutdownWaitsForTheDestructorsOfWhatEndedLongAgo) {
  struct Slow {
    Scenario* scenario;
    bool* destroyed;
    ~Slow() {
      scenario->block(3s);
      *destroyed = true;
    }
  };
  Supervisor& s = started();
  bool destroyed = false;
  auto task = s.supervise([slow = std::unique_ptr<Slow>(new Slow{this, &destroyed})] {});
  task.wait();
  const ShutdownReport& report = s.shutdown();
  EXPECT_TRUE(destroyed);
  EXPECT_TRUE(report.clean());
  EXPECT_EQ(report.duration, 3s);
}

/// Takes its time to be destroyed.
struct SlowToGo {
  Scenario* scenario;
  Duration time;
  bool* destroyed;
  ~SlowToGo() {
    scenario->block(time);
    *destroyed = true;
  }
};

/// An exception whose destructor takes its time.
template <class Base>
struct SlowException : Base {
  explicit SlowException(bool& is_destroyed)
      : slow(nullptr, [&is_destroyed](void*) { is_destroyed = this_task::sleep_for(3s); }) {}
  std::shared_ptr<void> slow;
};
struct NoBase {};

TEST(ThrownLifetimeTest, NobodyIsToldThatAllHasEndedBeforeWhatWasThrownIsDestroyed) {
  testing::VirtualRuntime world(1);
  Supervisor s({.default_observer = false, .runtime = world});  // an observer would keep it
  s.start();
  // The exception that a later one takes the place of.
  bool first = false;
  const TaskHandle replaced = s.supervise(
      [&first] {
        if (this_task::attempt() == 2) throw std::runtime_error("the last one");
        throw SlowException<NoBase>(first);
      },
      {.on_exception = OnException::Retry,
       .backoff = Backoff::immediate(),
       .restart_limit = {.max_restarts = 1, .window = 1min, .then = OnLimit::GiveUp}});
  EXPECT_TRUE(s.wait_all());
  EXPECT_EQ(replaced.state(), TaskState::GaveUp);
  EXPECT_TRUE(first);
  // One that is not kept.
  bool second = false;
  const TaskHandle unkept =
      s.supervise([&second] { throw SlowException<std::bad_alloc>(second); }, {.on_exception = OnException::Ignore});
  EXPECT_TRUE(s.wait_all());
  EXPECT_EQ(unkept.state(), TaskState::Failed);
  EXPECT_TRUE(second);
  EXPECT_TRUE(s.shutdown().clean());
}

ENGIN_SCENARIO(LifetimeTest, WhatAHookCapturedIsGoneWhenItsTaskIs) {
  Supervisor& s = started();
  bool destroyed = false;
  {
    const ScopedTask scoped(hooked(s.supervise(
        until_stopped(), {.shutdown_hook = [slow = std::shared_ptr<SlowToGo>(new SlowToGo{
                                                this, 3s, &destroyed})]() -> Co<> { (void)co_await yield(); }})));
    world.run_until_idle();
  }
  EXPECT_TRUE(destroyed);
  s.shutdown();
}

ENGIN_SCENARIO(LifetimeTest, ADestructorThatHangsIsNamedBehindAThousandTasksThatEndedWell) {
  Supervisor& s = started({.shutdown_timeout = 10s});
  rules.deadline_came = true;
  bool destroyed = false;
  for (int i = 0; i < 1100; ++i) s.supervise(until_stopped());
  const TaskHandle task =
      s.supervise([c = std::shared_ptr<SlowToGo>(new SlowToGo{this, 30s, &destroyed})] {}, {.name = "slow"});
  task.wait();
  const ShutdownReport& report = s.shutdown();
  EXPECT_EQ(report.tasks_total, 1101u);
  EXPECT_EQ(report.tasks_completed, 1u);
  ASSERT_EQ(report.stragglers.size(), 1u);
  EXPECT_EQ(report.stragglers[0].name, "slow");
  EXPECT_FALSE(report.tasks[0].clean) << "it is the first entry";
  finish();
  EXPECT_TRUE(destroyed);
}

ENGIN_SCENARIO(LifetimeTest, ADestructorThatHangsIsNamedThoughItsTaskWasRemoved) {
  Supervisor& s = started({.shutdown_timeout = 10s});
  rules.deadline_came = true;
  bool destroyed = false;
  // Of its callable, its retry_if or its hook.
  auto slow = std::shared_ptr<SlowToGo>(new SlowToGo{this, 30s, &destroyed});
  if (seed % 3 == 0) {
    s.supervise([c = std::move(slow)] {}, {.name = "slow"});
  } else if (seed % 3 == 1) {
    s.supervise([] {}, {.name = "slow", .retry_if = [c = std::move(slow)](const Failure&) { return true; }});
  } else {
    s.supervise([] {}, {.name = "slow", .shutdown_hook = [c = std::move(slow)] {}});
  }
  world.run_until_idle();
  EXPECT_THAT(s.snapshot().tasks, ::testing::IsEmpty()) << "it has ended, and nobody has its handle";
  s.supervise(until_stopped(), {.name = "slow"});  // its name is free
  const ShutdownReport& report = s.shutdown();
  EXPECT_EQ(report.duration, 10s);
  EXPECT_EQ(report.tasks_total, 1u);
  ASSERT_EQ(report.stragglers.size(), 1u);
  EXPECT_EQ(report.stragglers[0].name, "slow");
  EXPECT_EQ(report.stragglers[0].what, "destructor");
  finish();
  EXPECT_TRUE(destroyed) << "OnStraggler::Wait";
}

ENGIN_SCENARIO(LifetimeTest, WhatAnOverdueHookCapturedIsDestroyedBeforeTheSupervisor) {
  Supervisor& s = started({.shutdown_timeout = 10s});
  rules.deadline_came = true;
  bool destroyed = false;
  hooked(s.supervise(
      until_stopped(),
      {.shutdown_hook = [this, slow = std::shared_ptr<SlowToGo>(new SlowToGo{this, 3s, &destroyed})] { block(20s); }}));
  world.run_until_idle();
  s.shutdown();
  finish();
  EXPECT_TRUE(destroyed);
}

TEST(VirtualRuntimeTest, AHandleMayOutliveIt) {
  TaskHandle task;
  {
    testing::VirtualRuntime world;
    Supervisor s({.default_observer = false, .runtime = world});
    task = s.supervise([] {});
    s.start();
    world.run_until_idle();
  }
  EXPECT_EQ(task.snapshot().state, TaskState::Completed);
  EXPECT_EQ(task.restart(), RestartResult::Refused);
  EXPECT_FALSE(task.wait_ready(1ms));
}

TEST(LifetimeSeedsTest, WhatAStoppedAttemptThrewMayLookAtItsTaskWhenThatIsRestarted) {
  struct Looks {
    Looks(TaskHandle& t, int& n) : task(t), looked(n) {}
    Looks(const Looks&) = delete;
    Looks& operator=(const Looks&) = delete;
    ~Looks() {
      (void)task.snapshot();
      ++looked;
    }
    TaskHandle& task;
    int& looked;
  };
  for (std::uint64_t seed = 1; seed <= Seeds; ++seed) {
    testing::VirtualRuntime world(seed);
    Supervisor s({.default_observer = false, .runtime = world});  // no observer: events hold what they tell of
    s.start();
    TaskHandle task;
    int looked = 0;
    task = s.supervise([&] {
      while (this_task::sleep_for(1h)) {
      }
      if (this_task::attempt() == 1) throw std::make_shared<Looks>(task, looked);
    });
    world.run_until_idle();
    EXPECT_EQ(task.stop(1s), StopResult::Stopped);
    EXPECT_EQ(looked, 0) << "kept for who asks";
    EXPECT_EQ(task.restart(), RestartResult::Started);
    world.run_until_idle();
    EXPECT_EQ(looked, 1);
    EXPECT_EQ(task.stop(1s), StopResult::Stopped);
    EXPECT_FALSE(task.wait().failure()) << "that was the attempt before";
    s.shutdown();
  }
}

TEST(LifetimeTest, AtAnyMomentOfTheStartAnotherThreadMayStopAndRemoveTheTasks) {
  /// Lets the first one go until it is at its n-th lock, and then all others before it.
  struct LaterAtLock final : runtime::Chooser {
    explicit LaterAtLock(int the_lock) : lock(the_lock) {}
    std::size_t choose(std::size_t) override { return 0; }
    std::size_t next(absl::Span<const std::uint64_t> who) override {
      if (first == 0) first = who[0];
      const bool has_turn = locks < lock;
      for (std::size_t i = 0; i < who.size(); ++i) {
        if ((who[i] == first) == has_turn) return i;
      }
      return 0;
    }
    bool interrupts(absl::Span<const std::uint64_t> who) override { return who[0] == first && ++locks == lock; }
    std::uint64_t first = 0;
    const int lock;
    int locks = 0;
  };
  for (int lock = 1;; ++lock) {
    LaterAtLock chooser(lock);
    testing::VirtualRuntime world(1);
    world.world().set_chooser(&chooser);
    world.world().interrupt(1);
    Supervisor s({.default_observer = false, .runtime = world});
    std::vector<TaskHandle> tasks;
    for (int i = 0; i < 3; ++i) tasks.push_back(s.supervise(until_stopped()));
    world.spawn([&] { s.start(); });
    world.spawn([&] {
      for (; !tasks.empty(); tasks.pop_back()) {
        (void)tasks.back().stop(1s);
        EXPECT_TRUE(tasks.back().remove());
      }
    });
    world.run_until_idle();
    EXPECT_TRUE(s.snapshot().started);
    EXPECT_TRUE(s.snapshot().tasks.empty());
    EXPECT_TRUE(s.shutdown().clean());
    world.world().interrupt(0);
    world.world().set_chooser(nullptr);
    if (chooser.locks < lock) {
      EXPECT_GT(lock, 5) << "it takes each task's lock at least";
      break;
    }
  }
}

TEST(LastReferenceTest, NothingOfASupervisorIsKeptWhenItsHandlesAreGone) {
  auto observer = std::make_shared<testing::Recorder>();
  const std::weak_ptr<Observer> kept = observer;
  testing::VirtualRuntime world(1);
  // The supervisor's record holds the world, and each task's that record.
  const auto uses = [&world] { return world.shared_world().use_count(); };
  const auto uses_before = uses();
  {
    TaskHandle outlives;
    {
      Supervisor s({.observers = {std::exchange(observer, nullptr)}, .default_observer = false, .runtime = world});
      s.start();
      outlives = s.supervise([] {});
      TaskHandle dropped_after_its_end = s.supervise([] {});
      {
        TaskHandle dropped_while_it_runs = s.supervise(until_stopped());
      }
      TaskHandle removed = s.supervise([] {});
      s.supervise([]() -> Co<> { (void)co_await sleep_for(1s); });
      s.supervise(every(1s, [] {}));
      s.supervise(throws(), {.on_exception = OnException::Retry, .backoff = Backoff::constant(1s)});
      world.advance(3s);
      world.run_until_idle();
      EXPECT_TRUE(removed.remove());
      EXPECT_FALSE(removed.remove());
      dropped_after_its_end = TaskHandle();
      s.shutdown();
    }
    EXPECT_TRUE(kept.expired());
    EXPECT_GT(uses(), uses_before) << "a handle may ask who it was";
  }
  world.run_until_idle();
  EXPECT_EQ(uses(), uses_before);
}

TEST(EmptyHandleTest, AnswersAtOnce) {
  const TaskHandle none;
  EXPECT_FALSE(none.wait_ready(1h));
  EXPECT_EQ(none.stop(), StopResult::AlreadyEnded);
  EXPECT_EQ(none.stop(1h), StopResult::AlreadyEnded);
  EXPECT_EQ(none.restart(), RestartResult::Refused);
  EXPECT_FALSE(none.remove());
  EXPECT_EQ(none.wait(), Outcome::Stopped);
}

}  // namespace
}  // namespace engin
