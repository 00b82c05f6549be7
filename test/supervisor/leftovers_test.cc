// What a task that ended leaves behind, who owns a task, and how one waits for many.
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engin/supervisor.h"
#include "test/support/scenario.h"

namespace engin {
namespace {

using namespace std::chrono_literals;
using namespace engin::test;

ENGIN_SCENARIO(EndedTaskTest, WithoutAHandleItLeavesNothingButItsTotals) {
  Supervisor& s = started();
  auto body = std::make_shared<int>(1), hook = std::make_shared<int>(2), predicate = std::make_shared<int>(3);
  auto thrown = std::make_shared<int>(4);
  const std::weak_ptr<int> kept[] = {body, hook, predicate, thrown};
  struct Holds : std::runtime_error {
    explicit Holds(std::shared_ptr<int> p) : runtime_error("holds"), held(std::move(p)) {}
    std::shared_ptr<int> held;
  };
  s.supervise([b = std::move(body), t = std::move(thrown)] { throw Holds(t); },
              {.name = "t",
               .on_exception = OnException::Ignore,
               .retry_if = [p = std::move(predicate)](const Failure&) { return *p == 3; },
               .shutdown_hook = [h = std::move(hook)] { (void)h; }});
  EXPECT_TRUE(s.find("t").has_value());
  world.run_until_idle();
  recorder->clear();  // its events held the exception
  for (const auto& p : kept) EXPECT_TRUE(p.expired());
  EXPECT_FALSE(s.find("t").has_value());
  const SupervisorSnapshot seen = s.snapshot();
  EXPECT_TRUE(seen.tasks.empty());
  EXPECT_EQ(seen.total_tasks, 1u);
  EXPECT_EQ(seen.total_started, 1u);
  EXPECT_EQ(seen.total_failed, 1u);
  EXPECT_EQ(s.supervise([] {}, {.name = "t"}).id(), 2u);  // the name is free, the id is not
  world.run_until_idle();
  const ShutdownReport& report = s.shutdown();
  EXPECT_EQ(report.total_started, 2u);
  EXPECT_EQ(report.tasks_total, 0u);
  finish();
  recorder->clear();
}

ENGIN_SCENARIO(EndedTaskTest, WhoseHookTimedOutAndRunsOnIsNotForgottenWhenItIsRemoved) {
  Supervisor& s = started({.shutdown_timeout = 2s});
  Scenario* const self = this;
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> kept = held;
  std::optional<TaskHandle> task = hooked(s.supervise(
      until_stopped(),
      {.name = "t", .shutdown_hook = [self, h = std::move(held)] { self->block(10s); }, .hook_timeout = 1s}));
  world.run_until_idle();
  EXPECT_EQ(task->stop(5s), StopResult::Stopped);
  EXPECT_TRUE(task->remove());
  EXPECT_FALSE(task->remove());
  EXPECT_EQ(task->restart(), RestartResult::Refused);
  task.reset();
  EXPECT_FALSE(s.find("t").has_value());
  EXPECT_FALSE(kept.expired());  // it runs
  s.supervise(until_stopped(), {.name = "t"});
  world.run_until_idle();
  EXPECT_TRUE(s.find("t").has_value());
  const ShutdownReport& report = s.shutdown();
  EXPECT_FALSE(report.clean());
  ASSERT_EQ(report.stragglers.size(), 1u);
  EXPECT_EQ(report.stragglers[0].id, 1u);
  EXPECT_EQ(report.stragglers[0].what, "hook");
  rules.exact = false;
  finish();  // waits for it
  EXPECT_TRUE(kept.expired());
}

ENGIN_SCENARIO(EndedTaskTest, WhoseHookRunsOnIsForgottenWhenThatEnds) {
  Supervisor& s = started();
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> kept = held;
  // Coroutines: the frame of the hook refers to what its callable captured.
  hooked(s.supervise(until_stopped(), {.name = "t",
                                       .shutdown_hook = [h = std::move(held)]() -> Co<> {
                                         (void)co_await sleep_for(10s, ignore_stop);
                                         EXPECT_EQ(*h, 1);
                                       },
                                       .hook_timeout = 1s}))
      .stop(5s);
  world.run_until_idle();
  EXPECT_FALSE(s.find("t").has_value());
  EXPECT_FALSE(kept.expired());
  world.advance(10s);
  EXPECT_TRUE(kept.expired());
  EXPECT_TRUE(s.snapshot().tasks.empty());
  EXPECT_EQ(s.snapshot().total_tasks, 1u);
  EXPECT_TRUE(s.shutdown().clean());
  finish();
}

ENGIN_SCENARIO(EndedTaskTest, AHandleKeepsItUntilTheLastOneGoes) {
  Supervisor& s = started();
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> kept = held;
  std::optional<TaskHandle> handle = s.supervise([h = std::move(held)] { (void)h; }, {.name = "t"});
  handle->wait();
  const std::optional<TaskHandle> copy = handle;
  handle.reset();
  world.run_until_idle();
  EXPECT_FALSE(kept.expired());  // it may be started again
  EXPECT_EQ(s.snapshot().tasks.size(), 1u);
  EXPECT_EQ(const_cast<std::optional<TaskHandle>&>(copy)->snapshot().completed, 1u);
  const_cast<std::optional<TaskHandle>&>(copy).reset();
  world.run_until_idle();
  EXPECT_TRUE(kept.expired());
  EXPECT_TRUE(s.snapshot().tasks.empty());
  s.shutdown();
}

ENGIN_SCENARIO(EndedTaskTest, AHandleAloneKeepsNoCallableOnceTheSupervisorIsGone) {
  Supervisor& s = started();
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> kept = held;
  const TaskHandle ended = s.supervise([h = held] { (void)h; });
  const TaskHandle stopped = s.supervise([h = std::move(held)](std::stop_token) -> Co<> {
    (void)h;
    while (co_await sleep_for(1h)) {
    }
  });
  world.run_until_idle();
  finish();
  EXPECT_TRUE(kept.expired());
  EXPECT_EQ(ended.state(), TaskState::Completed);
  EXPECT_EQ(stopped.wait(), Outcome::Stopped);
}

ENGIN_SCENARIO(EndedTaskTest, ThousandsThatComeAndGoLeaveNothing) {
  Supervisor& s = started();
  int ran = 0;
  for (int i = 0; i < 2'000; ++i) {
    s.supervise([&] { ++ran; }, {.name = "name " + std::to_string(i % 7 == 0 ? i : 0) + "/" + std::to_string(i)});
    if (i % 10 == 0) world.run_until_idle();
  }
  world.run_until_idle();
  EXPECT_EQ(ran, 2'000);
  EXPECT_TRUE(s.snapshot().tasks.empty());
  EXPECT_EQ(s.snapshot().total_completed, 2'000u);
  s.shutdown();
}

ENGIN_SCENARIO(EndedTaskTest, TheSameObjectIsCalledForEachAttempt) {
  Supervisor& s = started();
  const TaskHandle task = s.supervise(
      [calls = 0, owned = std::make_unique<int>(7)]() mutable {
        if (++calls == 3) return;
        if (calls == 1) owned.reset();  // what it moves away stays so
        EXPECT_EQ(owned, nullptr);
        throw std::runtime_error("again");
      },
      {.on_exception = OnException::Retry});
  EXPECT_EQ(task.wait(), Outcome::Completed);
  EXPECT_EQ(task.snapshot().attempt, 3u);
  s.shutdown();
}

ENGIN_SCENARIO(ScopedTaskTest, StopsAwaitsAndRemoves) {
  Supervisor& s = started();
  bool hook = false, ended = false;
  TaskHandle copy;
  {
    const ScopedTask scoped(hooked(s.supervise(
        [&]() -> Co<> {
          while (co_await sleep_for(1h)) {
          }
          (void)co_await sleep_for(20s, ignore_stop);  // longer than its stop timeout
          ended = true;
        },
        {.name = "t", .shutdown_hook = [&] { hook = true; }})));
    world.run_until_idle();
    copy = scoped.handle();
    EXPECT_EQ(scoped->state(), TaskState::Waiting);
  }
  EXPECT_TRUE(hook);
  EXPECT_TRUE(ended);
  EXPECT_FALSE(s.find("t").has_value());
  EXPECT_EQ(copy.restart(), RestartResult::Refused);
  EXPECT_EQ(count(EventKind::Straggler, "t"), 1u);
  EXPECT_TRUE(s.shutdown().clean());
}

ENGIN_SCENARIO(ScopedTaskTest, WhatItsTaskCapturedIsDestroyedBeforeItIsGone) {
  struct Watch {
    Scenario* scenario;
    bool* destroyed;
    ~Watch() {
      scenario->block(3s);
      *destroyed = true;
    }
  };
  Supervisor& s = started();
  const bool ends_itself = seed % 2 == 0;
  bool destroyed = false;
  {
    const ScopedTask scoped(s.supervise([ends_itself, watch = std::unique_ptr<Watch>(new Watch{this, &destroyed})] {
      while (!ends_itself && this_task::sleep_for(1h)) {
      }
    }));
    world.run_until_idle();
    EXPECT_FALSE(destroyed);
    if (seed % 4 >= 2) s.request_shutdown();  // then shutdown destroys it
  }
  EXPECT_TRUE(destroyed);
  s.shutdown();
}

ENGIN_SCENARIO(ScopedTaskTest, MayBelongToWhatItsOwnTaskCaptured) {
  struct Owner {
    ScopedTask task;
  };
  Supervisor& s = started();
  std::weak_ptr<Owner> alive;
  {
    const auto owner = std::make_shared<Owner>();
    alive = owner;
    owner->task = ScopedTask(s.supervise([owner] {}));
  }
  world.run_until_idle();
  EXPECT_FALSE(alive.expired()) << "they hold each other";
  EXPECT_TRUE(s.shutdown().clean());
  EXPECT_TRUE(alive.expired());
}

ENGIN_SCENARIO(ScopedTaskTest, MovesAndLetsGo) {
  Supervisor& s = started();
  const TaskHandle a = s.supervise(until_stopped()), b = s.supervise(until_stopped());
  world.run_until_idle();
  {
    ScopedTask first(a);
    ScopedTask second(std::move(first));
    EXPECT_FALSE(first.handle());
    EXPECT_EQ(a.state(), TaskState::Waiting);
    second = ScopedTask(b);
    EXPECT_EQ(a.state(), TaskState::Stopped);
    EXPECT_EQ(second.release(), b);
  }
  EXPECT_EQ(b.state(), TaskState::Waiting);
  s.shutdown();
}

ENGIN_SCENARIO(ScopedTaskTest, OutlivesTheSupervisorAndItsTask) {
  Supervisor& s = started();
  {
    const ScopedTask ended(s.supervise([] {}));
    world.run_until_idle();
  }
  const ScopedTask scoped(s.supervise(until_stopped()));
  world.run_until_idle();
  finish();
}

ENGIN_SCENARIO(WaitReadyTest, ReturnsWhenReadyOrWhenItCanNoMore) {
  rules.by_hand = true;
  Supervisor& s = started();
  const auto becomes_ready = []() -> Co<> {
    (void)co_await sleep_for(3s);
    this_task::ready();
    this_task::ready();
    while (co_await sleep_for(1h)) {
    }
  };
  const TaskHandle task = s.supervise(becomes_ready, {.name = "t"});
  const TimePoint begun = world.now();
  EXPECT_FALSE(task.wait_ready(1s));
  EXPECT_EQ(world.now() - begun, 1s);
  EXPECT_TRUE(task.wait_ready(1h));
  EXPECT_EQ(world.now() - begun, 3s);
  EXPECT_TRUE(task.wait_ready(0s));
  EXPECT_TRUE(task.snapshot().ready);
  EXPECT_EQ(count(EventKind::Ready, "t"), 1u);
  task.restart();  // the current attempt counts
  world.run_until_idle();
  EXPECT_FALSE(task.wait_ready(1s));
  EXPECT_TRUE(task.wait_ready(1h));

  const TaskHandle fails = s.supervise(
      []() -> Co<> {
        (void)co_await sleep_for(1s);
        throw std::runtime_error("before it was ready");
      },
      {.on_exception = OnException::Ignore});
  const TimePoint then = world.now();
  EXPECT_FALSE(fails.wait_ready(1h));
  EXPECT_EQ(world.now() - then, 1s);
  s.shutdown();
  EXPECT_FALSE(task.wait_ready(1h));
}

ENGIN_SCENARIO(WaitAllTest, ReturnsTrueWhenEveryTaskHasEndedAlsoThoseSupervisedMeanwhile) {
  Supervisor& s = make();
  bool last = false;
  s.supervise([&]() -> Co<> {
    (void)co_await sleep_for(5s);
    s.supervise([&]() -> Co<> {
      (void)co_await sleep_for(5s);
      last = true;
    });
  });
  s.supervise(throws(), {.on_exception = OnException::Ignore});
  s.supervise(
      [] {
        if (this_task::attempt() < 4) throw std::runtime_error("again");
      },
      {.on_exception = OnException::Retry, .backoff = Backoff::constant(1s)});
  s.start();
  const TimePoint begun = world.now();
  EXPECT_TRUE(s.wait_all());
  EXPECT_TRUE(last);
  EXPECT_EQ(world.now() - begun, 10s);
  EXPECT_FALSE(s.shutdown_cause().has_value());
  EXPECT_TRUE(s.wait_all());
  s.shutdown();
}

ENGIN_SCENARIO(WaitAllTest, IsFalseIfShutdownBeganFirst) {
  Supervisor& s = started();
  s.supervise(until_stopped());
  s.supervise([&]() -> Co<> {
    (void)co_await sleep_for(1s);
    s.request_shutdown();
  });
  EXPECT_FALSE(s.wait_all());
  s.wait();
}

ENGIN_SCENARIO(WaitTest, TimesOutAndReturns) {
  Supervisor& s = started();
  const TaskHandle task = s.supervise([]() -> Co<> { (void)co_await sleep_for(10s); });
  const TimePoint begun = world.now();
  EXPECT_EQ(task.wait_for(4s), std::nullopt);
  EXPECT_EQ(world.now() - begun, 4s);
  EXPECT_EQ(task.wait_for(std::chrono::hours::max()), Outcome::Completed);
  EXPECT_EQ(world.now() - begun, 10s);
  EXPECT_EQ(s.wait_for(5s), nullptr);
  EXPECT_EQ(world.now() - begun, 15s);
  s.request_shutdown();
  EXPECT_NE(s.wait_for(std::chrono::hours::max()), nullptr);
}

ENGIN_SCENARIO(FindTest, FindsGivenAndMadeUpNames) {
  Supervisor& s = started();
  const TaskHandle named = s.supervise(until_stopped(), {.name = "uplink"});
  const TaskHandle unnamed = s.supervise(until_stopped());
  EXPECT_THAT(unnamed.name(), ::testing::MatchesRegex("leftovers_test.cc:[0-9]+#2"));
  EXPECT_EQ(s.find("uplink"), named);
  EXPECT_EQ(s.find(unnamed.name()), unnamed);
  EXPECT_EQ(s.find("downlink"), std::nullopt);
  EXPECT_EQ(s.find(""), std::nullopt);
  EXPECT_EQ(s.find("leftovers_test.cc:1#2"), std::nullopt);
  EXPECT_EQ(s.find("#99999999999999999999999"), std::nullopt);
  std::vector<TaskId> seen;
  s.for_each_task([&](const TaskHandle& task) {
    seen.push_back(task.id());
    (void)s.snapshot();
    if (seen.size() == 1) s.supervise(until_stopped());  // it may call anything
    task.request_stop();
  });
  EXPECT_THAT(seen, ::testing::ElementsAre(1u, 2u, 3u));
  world.run_until_idle();
  EXPECT_EQ(named.state(), TaskState::Stopped);
  s.shutdown();
}

TaskHandle helper(Supervisor& s, std::source_location where = std::source_location::current()) {
  return s.supervise(until_stopped(), TaskOptions(), where);
}

ENGIN_SCENARIO(FindTest, AHelperHandsOnThePlaceThatCalledIt) {
  Supervisor& s = started();
  const auto line = std::source_location::current().line() + 1;
  const TaskHandle task = helper(s);
  EXPECT_EQ(task.name(), "leftovers_test.cc:" + std::to_string(line) + "#1");
  s.shutdown();
}

}  // namespace
}  // namespace engin
