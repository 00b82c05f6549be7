// Starts and stops that fail or hang, and what becomes of the rest; in virtual time.
#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engin/engin.h"
#include "test/host/engin_kit.h"

namespace {

using namespace std::chrono_literals;
using engin::Co;
using engin::Engin;
using engin::Entrypoint;
using engin::Invoke;
using engin::Lifecycle;
using engin::OnStraggler;
using engin::Provide;
using engin::StartFailed;
using engin::Supervisor;
using engin::Supply;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Circle {};

TEST_F(EnginTest, AFailedLifecycleStartTakesDownWhatWasUpAndNothingElse) {
  Engin app(Supply(options()), Supply(std::ref(log)), Provide([](Log& l) { return Part<1>(l); }), Entrypoint<Part<1>>(),
            Invoke([&](Lifecycle& lifecycle, Supervisor& s) {
              lifecycle.hook(logging("one"));
              lifecycle.hook({.name = "two",
                              .on_start = [] { throw std::runtime_error("refused"); },
                              .on_stop = [this] { log.push_back("stop two"); }});
              lifecycle.hook(logging("three"));
              s.supervise([this] { log.push_back("task runs"); });
            }));
  try {
    app.start();
    FAIL() << "started";
  } catch (const StartFailed& error) {
    EXPECT_THAT(error.what(), HasSubstr("on_start of lifecycle hook 'two' failed: runtime_error: refused"));
    EXPECT_THROW(std::rethrow_if_nested(error), std::runtime_error);
  }
  EXPECT_THAT(log, ElementsAre("make 1", "start one", "stop one", "destroy 1"));
  EXPECT_EQ(app.report().exit_code, 3);
  EXPECT_EQ(app.stop(), 3) << "it has ended";
  EXPECT_THROW(app.start(), engin::AlreadyStarted);
}

TEST_F(EnginTest, AProviderThatThrowsIsNamedWithThePathToIt) {
  Engin app(Supply(options()), Supply(std::ref(log)), Provide([](Log& l) { return Part<1>(l); }),
            Provide([](Part<1>&) -> std::unique_ptr<Circle> { throw std::runtime_error("no radius"); }),
            Entrypoint<Circle>());
  try {
    app.start();
    FAIL() << "started";
  } catch (const StartFailed& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("Entrypoint<Circle> (engin_failures_test.cc:"), HasSubstr("needs Circle <- a lambda"),
                      HasSubstr("failed: runtime_error: no radius")));
  }
  EXPECT_THAT(log, ElementsAre("make 1", "destroy 1"));
}

TEST_F(EnginTest, AProviderMustNotGiveNull) {
  Engin app(Supply(options()), Provide([] { return std::unique_ptr<Circle>(); }), Entrypoint<Circle>());
  EXPECT_THROW(app.start(), StartFailed);
}

TEST_F(EnginTest, RunPrintsWhyItDidNotStartAndReturnsThree) {
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(Engin(Entrypoint<Circle>()).run(), 3);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("needs Circle: nothing provides it"));
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(Engin(Supply(options()), Invoke([] { throw 42; })).run(), 3);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("failed: int"));
}

TEST_F(EnginTest, AStartThatHangsIsCutOffAfterItsTimeout) {
  Engin app(Supply(options()), Invoke([&](Lifecycle& lifecycle) {
              lifecycle.hook(logging("one"));
              lifecycle.hook({.name = "two", .on_start = [this](std::stop_token stop) -> Co<> {
                                (void)co_await engin::sleep_for(1h);
                                log.push_back(stop.stop_requested() ? "two saw its token" : "?");
                              }});
            }));
  const auto before = world.now();
  EXPECT_THROW(app.start(), StartFailed);
  EXPECT_EQ(world.now() - before, 15s);
  EXPECT_THAT(log, ElementsAre("start one", "two saw its token", "stop one"));
  EXPECT_FALSE(app.report().has_stragglers());
}

TEST_F(EnginTest, WhatAProviderThrowsNeedNotBeAStandardException) {
  for (auto fail : {+[](Lifecycle&) { throw 42; },
                    +[](Lifecycle& lifecycle) { lifecycle.hook({.name = "h", .on_start = [] { throw 42; }}); }}) {
    Engin app(Supply(options()), Supply(std::ref(log)), Provide([](Log& l) { return Part<1>(l); }),
              Entrypoint<Part<1>>(), Invoke(fail));
    log.clear();
    EXPECT_THROW(app.start(), StartFailed);
    EXPECT_THAT(app.report().start_failure, HasSubstr("failed: int"));
    EXPECT_THAT(log, ElementsAre("make 1", "destroy 1"));
  }
}

struct ThrowsWhenMoved {
  ThrowsWhenMoved() = default;
  ThrowsWhenMoved(ThrowsWhenMoved&& other) noexcept(false) : moves(other.moves + 1) {
    if (moves > allowed) throw std::runtime_error("too heavy");
  }
  int moves = 0;
  static inline int allowed = 0;
};

// Each copy or move of what is handed over may throw, from Supply() to what a parameter gets.
TEST_F(EnginTest, ASuppliedValueMayThrowWheneverItIsMoved) {
  int outcomes[3] = {};  // not made; not started; ran
  for (ThrowsWhenMoved::allowed = 0; outcomes[2] == 0; ++ThrowsWhenMoved::allowed) {
    ASSERT_LT(ThrowsWhenMoved::allowed, 20);
    log.clear();
    bool made = false;
    try {
      Engin app(Supply(options()), Supply(std::ref(log)), Supply(ThrowsWhenMoved()),
                Provide([](Log& l) { return Part<1>(l); }), Invoke([](Part<1>&, ThrowsWhenMoved&) {}));
      made = true;
      app.start();
      ++outcomes[2];
    } catch (const StartFailed& error) {
      EXPECT_TRUE(made);
      EXPECT_THAT(error.what(), AllOf(HasSubstr("needs ThrowsWhenMoved <- Supply"), HasSubstr("too heavy")));
      ++outcomes[1];
    } catch (const std::runtime_error&) {
      EXPECT_FALSE(made);
      ++outcomes[0];
    }
    EXPECT_EQ(std::count(log.begin(), log.end(), "make 1"), std::count(log.begin(), log.end(), "destroy 1"));
  }
  EXPECT_GT(outcomes[0], 0);
  EXPECT_GT(outcomes[1], 0);
}

TEST_F(EnginTest, AProviderThatFailsLeavesHooksThatWereOnlyRegisteredAlone) {
  Engin app(Supply(options()), Invoke([&](Lifecycle& lifecycle) { lifecycle.hook(logging("one")); }),
            Invoke([] { throw std::runtime_error("late"); }));
  EXPECT_THROW(app.start(), StartFailed);
  EXPECT_THAT(log, IsEmpty());
}

TEST_F(EnginTest, AStopThatFailsAfterAFailedStartIsReportedBesideIt) {
  Engin app(Supply(options()), Invoke([&](Lifecycle& lifecycle) {
              lifecycle.hook(logging("one"));
              lifecycle.hook({.name = "two", .on_stop = [] { throw std::runtime_error("two stays"); }});
              lifecycle.hook({.name = "three", .on_start = [] { return absl::InternalError("three does not"); }});
            }));
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(app.run(), 3);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), AllOf(HasSubstr("two stays"), HasSubstr("three does not")));
  EXPECT_THAT(log, ElementsAre("start one", "stop one"));
  const auto report = app.report();
  ASSERT_EQ(report.lifecycle.size(), 2U);
  EXPECT_EQ(report.lifecycle[0].what, "on_start");
  EXPECT_EQ(report.lifecycle[1].what, "on_stop");
}

TEST_F(EnginTest, AStartThatNeverEndsRollsBackAroundIt) {
  auto given = options();
  given.on_straggler = OnStraggler::Abandon;
  engin::Wakeup never;
  Engin app(Supply(given), Supply(std::ref(log)), Provide([](Log& l) { return Part<1>(l); }), Entrypoint<Part<1>>(),
            Invoke([&](Lifecycle& lifecycle) {
              lifecycle.hook(logging("one"));
              lifecycle.hook({.name = "two",
                              .on_start = [&]() -> Co<> { (void)co_await never.wait(engin::ignore_stop); },
                              .on_stop = [this] { log.push_back("stop two"); }});
            }));
  EXPECT_THROW(app.start(), StartFailed);
  EXPECT_THAT(log, ElementsAre("make 1", "start one", "stop one")) << "no value was destroyed under what still runs";
  EXPECT_THAT(app.report().unfinished_hooks, ElementsAre("on_start of two"));
  EXPECT_EQ(app.report().exit_code, 3);
  never.notify_all();
  world.run_until_idle();
}

TEST_F(EnginTest, StopsThatFailAreCollectedAndSkipNoOther) {
  Engin app(Supply(options()), Invoke([&](Lifecycle& lifecycle) {
              lifecycle.hook(logging("one"));
              lifecycle.hook({.name = "two", .on_stop = [] { throw std::runtime_error("twice"); }});
              lifecycle.hook({.name = "three", .on_stop = [] { return absl::UnavailableError("gone"); }});
              lifecycle.hook(logging("four"));
            }));
  app.start();
  log.clear();
  EXPECT_EQ(app.stop(), 2);
  EXPECT_THAT(log, ElementsAre("stop four", "stop one"));
  const auto report = app.report();
  ASSERT_EQ(report.lifecycle.size(), 2U);
  EXPECT_EQ(report.lifecycle[0].hook, "three");
  EXPECT_THAT(report.lifecycle[0].failure, HasSubstr("Status: UNAVAILABLE: gone"));
  EXPECT_EQ(report.lifecycle[1].hook, "two");
  EXPECT_EQ(report.lifecycle[1].what, "on_stop");
  EXPECT_FALSE(report.lifecycle[1].timed_out);
}

TEST_F(EnginTest, HooksThatHangEndWithinTheOneDeadlineAndEachOtherHasItsShare) {
  auto given = options();
  given.shutdown_timeout = 20s;
  given.on_straggler = OnStraggler::Abandon;
  engin::Wakeup never;
  std::vector<engin::TimePoint> starts;
  Engin app(Supply(given), Supply(std::ref(log)), Provide([](Log& l) { return Part<1>(l); }), Entrypoint<Part<1>>(),
            Invoke([&](Lifecycle& lifecycle) {
              for (int i = 0; i < 4; ++i) {
                lifecycle.hook({.name = "hook " + std::to_string(i), .on_stop = [&]() -> Co<> {
                                  starts.push_back(world.now());
                                  (void)co_await never.wait(engin::ignore_stop);
                                }});
              }
            }));
  app.start();
  const auto before = world.now();
  EXPECT_EQ(app.stop(), 2);
  EXPECT_LE(world.now() - before, 20s);
  ASSERT_EQ(starts.size(), 4U) << "each ran";
  const auto report = app.report();
  EXPECT_EQ(report.unfinished_hooks.size(), 4U);
  EXPECT_TRUE(report.has_stragglers());
  EXPECT_THAT(log, ElementsAre("make 1")) << "no value was destroyed under what still runs";
  never.notify_all();
  world.run_until_idle();
}

TEST_F(EnginTest, AQuarterOfTheDeadlineIsKeptForTheLifecycle) {
  auto given = options();
  given.shutdown_timeout = 20s;
  given.on_straggler = OnStraggler::Abandon;
  engin::Wakeup never;
  Engin app(Supply(given), Invoke([&](Lifecycle& lifecycle, Supervisor& s) {
              lifecycle.hook({.name = "late", .on_stop = []() -> Co<> { (void)co_await engin::sleep_for(3s); }});
              s.supervise([&]() -> Co<> { (void)co_await never.wait(engin::ignore_stop); },
                          {.name = "stuck", .stop_timeout = 1h});
            }));
  app.start();
  world.run_until_idle();
  const auto before = world.now();
  EXPECT_EQ(app.stop(), 2);
  EXPECT_EQ(world.now() - before, 18s) << "15 s for the task, 3 s for the hook";
  const auto report = app.report();
  EXPECT_THAT(report.lifecycle, IsEmpty());
  ASSERT_EQ(report.supervisor->stragglers.size(), 1U);
  EXPECT_EQ(report.supervisor->stragglers[0].name, "stuck");
  never.notify_all();
  world.run_until_idle();
}

}  // namespace
