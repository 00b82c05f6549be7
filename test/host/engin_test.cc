// What runs, in which order, and how it ends; in virtual time where it can.
#include "engin/engin.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engin/testing/virtual_runtime.h"
#include "test/support/sanitizers.h"

namespace {

using namespace std::chrono_literals;
using engin::Co;
using engin::Engin;
using engin::Entrypoint;
using engin::Invoke;
using engin::Lifecycle;
using engin::Named;
using engin::OnException;
using engin::OnReturn;
using engin::OnStraggler;
using engin::Override;
using engin::Populate;
using engin::Provide;
using engin::StartFailed;
using engin::Supervisor;
using engin::SupervisorOptions;
using engin::Supply;
using engin::WouldDeadlock;
using engin::testing::VirtualRuntime;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Log = std::vector<std::string>;

template <int N>
struct Part {
  explicit Part(Log& l) : log(&l) { log->push_back("make " + std::to_string(N)); }
  Part(const Part&) = delete;
  ~Part() { log->push_back("destroy " + std::to_string(N)); }
  Log* log;
};

class EnginTest : public ::testing::Test {
 protected:
  SupervisorOptions options() { return {.default_observer = false, .runtime = world}; }
  // A lifecycle hook that logs.
  engin::LifecycleHook logging(const std::string& name) {
    return {.name = name,
            .on_start = [this, name] { log.push_back("start " + name); },
            .on_stop = [this, name] { log.push_back("stop " + name); }};
  }
  VirtualRuntime world{1};
  Log log;
};

// ---- values

TEST_F(EnginTest, EachNeededProviderRunsOnceInOrderAndValuesAreDestroyedInReverse) {
  {
    Engin app(Supply(std::ref(log)), Supply(options()),
              Provide([](Log& l, Part<1>&) { return std::make_unique<Part<2>>(l); }),
              Provide([](Log& l) { return Part<1>(l); }), Provide([](Log& l) { return std::make_shared<Part<3>>(l); }),
              Provide([](Log& l) { return Part<4>(l); }),
              Invoke([](Part<2>&, Part<1>&, Log& l) { l.push_back("invoke"); }), Entrypoint<Part<3>>());
    app.start();
    EXPECT_THAT(log, ElementsAre("make 1", "make 2", "make 3", "invoke"));
    app.stop();
    EXPECT_THAT(log, ElementsAre("make 1", "make 2", "make 3", "invoke", "destroy 3", "destroy 2", "destroy 1"));
  }
  EXPECT_EQ(log.size(), 7U);
}

struct Shape {
  virtual ~Shape() = default;
  virtual std::string name() const = 0;
};
struct Tag {
  int tag = 7;
};
struct Circle : Tag, Shape {
  std::string name() const override { return "circle"; }
};
struct Square : Tag, Shape {
  std::string name() const override { return "square"; }
};

TEST_F(EnginTest, InterfacesNamesAndCollectionsArriveAsTheRightObject) {
  std::vector<std::string> seen;
  std::shared_ptr<Shape> kept;
  Engin app(Supply(options()), Provide([] { return std::make_unique<Circle>(); }).as<Shape>(),
            Provide([] { return Square(); }).as<Shape>().as<Tag>().named("second"),
            Invoke([&](std::vector<std::reference_wrapper<const Shape>> all) {
              for (const Shape& shape : all) seen.push_back(shape.name());
            }),
            Invoke([&](Named<Shape, "second"> shape, Named<const Tag, "second"> tag, std::shared_ptr<Shape> only) {
              seen.push_back(shape->name());
              seen.push_back(std::to_string(tag->tag));
              kept = only;
            }));
  app.start();
  EXPECT_THAT(seen, ElementsAre("circle", "square", "square", "7"));
  EXPECT_EQ(app.stop(), 0);
  EXPECT_EQ(kept->name(), "circle") << "a share outlives the Engin";
}

struct Deps {
  Deps(Log& l, const Tag& t, std::shared_ptr<Circle> c, Named<Tag, "n"> n, Circle* p)
      : text(c->name() + std::to_string(t.tag) + std::to_string(n->tag)), same(p == c.get()) {
    l.push_back("made");
  }
  std::string text;
  bool same;
};

TEST_F(EnginTest, AConstructorGetsWhatItsParametersAskFor) {
  Deps* deps = nullptr;
  Engin app(Supply(options()), Supply(std::ref(log)), Supply(Tag{1}), Supply(Tag{2}).named("n"), Provide<Circle>(),
            Provide<Deps>(), Populate(deps));
  app.start();
  ASSERT_NE(deps, nullptr);
  EXPECT_EQ(deps->text, "circle12");
  EXPECT_TRUE(deps->same);
}

struct Factory {
  std::unique_ptr<Circle> make(const Tag& t) {
    made = t.tag;
    return std::make_unique<Circle>();
  }
  int made = 0;
};

TEST_F(EnginTest, MemberFunctionsAreCalledOnTheInjectedObject) {
  Factory* factory = nullptr;
  Circle* circle = nullptr;
  Engin app(Supply(options()), Supply(Tag{9}), Supply(Factory()), Provide(&Factory::make), Populate(factory),
            Populate(circle));
  app.start();
  EXPECT_EQ(factory->made, 9);
  EXPECT_EQ(circle->name(), "circle");
}

TEST_F(EnginTest, AnOverrideIsWhatEverybodyGets) {
  Tag* tag = nullptr;
  Engin app(Override(Supply(Tag{2})), Supply(options()), Provide([](Log&) { return Tag{1}; }), Populate(tag));
  app.start();
  EXPECT_EQ(tag->tag, 2);
}

TEST_F(EnginTest, SupervisorOptionsMayBeProvidedFromOtherValues) {
  std::string name;
  Engin app(Supply(Tag{5}), Provide([this](const Tag& t) {
              SupervisorOptions made = options();
              made.name = "shard " + std::to_string(t.tag);
              return made;
            }),
            Invoke([&](Supervisor& s) { name = s.snapshot().name; }));
  app.start();
  EXPECT_EQ(name, "shard 5");
}

// ---- the order of life

TEST_F(EnginTest, ThingsStartInOrderAndStopInReverse) {
  Engin app(Supply(options()), Supply(std::ref(log)), Provide([this](Lifecycle& lifecycle, Log& l) {
              lifecycle.hook(logging("pool"));
              return Part<1>(l);
            }),
            Provide([this](Lifecycle& lifecycle, Supervisor& s, Part<1>&, Log& l) {
              lifecycle.hook(logging("worker"));
              s.supervise(
                  [&l](std::stop_token stop) -> Co<> {
                    l.push_back("task runs");
                    while (co_await engin::sleep_for(1h)) {
                    }
                    l.push_back(stop.stop_requested() ? "task stopped" : "?");
                  },
                  {.name = "task", .shutdown_hook = [&l] { l.push_back("task hook"); }});
              return Part<2>(l);
            }),
            Invoke([](Part<2>&, Log& l) { l.push_back("invoke"); }));
  app.start();
  world.advance(1s);
  EXPECT_THAT(log, ElementsAre("make 1", "make 2", "invoke", "start pool", "start worker", "task runs"));
  EXPECT_THAT(app.graph().lifecycle, ElementsAre("pool", "worker"));
  log.clear();
  EXPECT_EQ(app.stop(), 0);
  EXPECT_THAT(log, ElementsAre("task hook", "task stopped", "stop worker", "stop pool", "destroy 2", "destroy 1"));
  ASSERT_TRUE(app.report().supervisor.has_value());
  EXPECT_TRUE(app.report().supervisor->clean());
}

TEST_F(EnginTest, RunEndsWithTheFailureOfATaskAndItsExitCode) {
  Engin app(Supply(options()), Invoke([&](Supervisor& s, Lifecycle& lifecycle) {
              lifecycle.hook(logging("pool"));
              s.supervise([] { throw std::runtime_error("no disk"); }, {.name = "writer"});
            }));
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(app.run(), 1);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("no disk"));
  EXPECT_THAT(log, ElementsAre("start pool", "stop pool"));
}

TEST_F(EnginTest, RunEndsWhenATaskReturnsThatWasToEndIt) {
  Engin app(Supply(options()),
            Invoke([](Supervisor& s) { s.supervise([] {}, {.name = "job", .on_return = OnReturn::Shutdown}); }));
  EXPECT_EQ(app.run(), 0);
}

TEST_F(EnginTest, HooksMayBeCoroutinesAndWaitInVirtualTime) {
  Engin app(Supply(options()), Invoke([&](Lifecycle& lifecycle) {
              lifecycle.hook({.name = "slow",
                              .on_start = [&]() -> Co<> {
                                (void)co_await engin::sleep_for(10s);
                                log.push_back("started");
                              },
                              .on_stop = [&]() -> Co<absl::Status> {
                                (void)co_await engin::sleep_for(10s);
                                log.push_back("stopped");
                                co_return absl::OkStatus();
                              }});
            }));
  const auto before = world.now();
  app.start();
  EXPECT_EQ(world.now() - before, 10s);
  EXPECT_EQ(app.stop(), 0);
  EXPECT_THAT(log, ElementsAre("started", "stopped"));
}

TEST_F(EnginTest, AHookMayRegisterAnotherWhileStartingOnly) {
  Lifecycle* lifecycle = nullptr;
  Engin app(Supply(options()), Populate(lifecycle),
            Invoke([&](Lifecycle& l) { l.hook({.name = "first", .on_start = [&] { l.hook(logging("second")); }}); }));
  app.start();
  EXPECT_THAT(log, ElementsAre("start second"));
  EXPECT_THROW(lifecycle->hook({}), engin::AlreadyStarted);
}

TEST_F(EnginTest, AHookThatCannotBeAcceptedIsRefused) {
  Lifecycle lifecycle;
  EXPECT_THROW(lifecycle.hook({.name = "a\nb"}), engin::InvalidOptions);
  EXPECT_THROW(lifecycle.hook({.name = "a#b"}), engin::InvalidOptions);
  EXPECT_THROW(lifecycle.hook({.name = std::string(101, 'x')}), engin::InvalidOptions);
  EXPECT_THROW(lifecycle.hook({.timeout = 0s}), engin::InvalidOptions);
}

// ---- a start that fails

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
                AllOf(HasSubstr("Entrypoint<Circle> (engin_test.cc:"), HasSubstr("needs Circle <- a lambda"),
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

// ---- stops that fail

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

// ---- who may stop, and when

TEST_F(EnginTest, StopBeforeRunStartsNothing) {
  Engin app(Supply(options()), Supply(std::ref(log)), Provide([](Log& l) { return Part<1>(l); }),
            Entrypoint<Part<1>>());
  EXPECT_EQ(app.stop(), 0);
  EXPECT_EQ(app.run(), 0);
  EXPECT_THAT(log, IsEmpty());
  EXPECT_THROW(app.run(), engin::AlreadyStarted);
}

TEST_F(EnginTest, ARequestBeforeRunStartsNothingEither) {
  Engin app(Supply(options()), Supply(std::ref(log)), Provide([](Log& l) { return Part<1>(l); }),
            Entrypoint<Part<1>>());
  app.request_stop("changed my mind");
  EXPECT_EQ(app.run(), 0);
  EXPECT_THAT(log, IsEmpty());
}

TEST_F(EnginTest, AnEnginRunsOnce) {
  Engin app(Supply(options()));
  app.start();
  EXPECT_THROW(app.start(), engin::AlreadyStarted);
  EXPECT_THROW(app.run(), engin::AlreadyStarted);
  EXPECT_EQ(app.stop(), 0);
  EXPECT_EQ(app.stop(), 0);
  EXPECT_THROW(app.run(), engin::AlreadyStarted);
}

TEST_F(EnginTest, ATaskMayRequestTheStopAndIsToldThatItCannotWaitForIt) {
  Engin* self = nullptr;
  std::string told;
  Engin app(Supply(options()), Invoke([&](Supervisor& s) {
              s.supervise(
                  [&] {
                    try {
                      self->stop();
                    } catch (const WouldDeadlock& error) {
                      told = error.what();
                    }
                  },
                  {.name = "suicidal"});
            }));
  self = &app;
  EXPECT_EQ(app.run(), 0);
  EXPECT_THAT(told, HasSubstr("suicidal"));
  EXPECT_EQ(app.report().supervisor->cause.reason, "stop() was called");
}

TEST_F(EnginTest, AHookMayRequestTheStopAndIsToldThatItCannotWaitForIt) {
  Engin* self = nullptr;
  std::vector<std::string> told;
  const auto try_stop = [&] {
    try {
      self->stop();
    } catch (const WouldDeadlock& error) {
      told.emplace_back(error.what());
    }
  };
  {
    Engin app(Supply(options()),
              Invoke([&](Lifecycle& lifecycle) { lifecycle.hook({.name = "h", .on_stop = try_stop}); }));
    self = &app;
    app.start();
    EXPECT_EQ(app.stop(), 0);
  }
  {
    Engin app(Supply(options()), Invoke([&](Lifecycle& lifecycle) {
                lifecycle.hook(logging("one"));
                lifecycle.hook({.name = "h", .on_start = try_stop});
                lifecycle.hook(logging("two"));
              }));
    self = &app;
    EXPECT_EQ(app.run(), 0) << "it was asked to";
  }
  EXPECT_THAT(told, ElementsAre(HasSubstr("on_stop of h"), HasSubstr("on_start of h")));
  EXPECT_THAT(log, ElementsAre("start one", "stop one"));
}

TEST_F(EnginTest, AProviderMayRequestTheStopAndIsToldThatItCannotWaitForIt) {
  Engin* self = nullptr;
  Engin app(Supply(options()), Supply(std::ref(log)), Provide([&](Log& l) {
              EXPECT_THROW(self->stop(), WouldDeadlock);
              return Part<1>(l);
            }),
            Provide([](Part<1>&, Log& l) { return Part<2>(l); }), Entrypoint<Part<2>>());
  self = &app;
  EXPECT_EQ(app.run(), 0);
  EXPECT_THAT(log, ElementsAre("make 1", "destroy 1")) << "nothing is made any more";
}

TEST_F(EnginTest, AnInvocationThatIsRefusedSinceAStopWasRequestedIsNoFailedStart) {
  Engin* self = nullptr;
  Engin app(Supply(options()), Invoke([&](Supervisor& s) {
              self->request_stop("changed my mind");
              s.supervise([] {});
            }),
            Invoke([this] { log.push_back("not reached"); }));
  self = &app;
  EXPECT_EQ(app.run(), 0);
  EXPECT_THAT(log, IsEmpty());
}

TEST_F(EnginTest, AStopDuringALifecycleStartFiresItsTokenAndRollsBack) {
  Engin* self = nullptr;
  Engin app(Supply(options()), Invoke([&](Lifecycle& lifecycle) {
              lifecycle.hook(logging("one"));
              lifecycle.hook({.name = "two", .on_start = [&](std::stop_token stop) -> Co<> {
                                self->request_stop("too slow");
                                (void)co_await engin::sleep_for(1h);
                                if (stop.stop_requested()) throw std::runtime_error("interrupted");
                              }});
            }));
  self = &app;
  const auto before = world.now();
  app.start();
  EXPECT_EQ(world.now(), before);
  EXPECT_THAT(log, ElementsAre("start one", "stop one"));
  EXPECT_EQ(app.report().exit_code, 0) << "it ended as it was asked to";
  EXPECT_THAT(app.report().lifecycle, IsEmpty());
  EXPECT_EQ(app.report().supervisor->cause.reason, "too slow");
}

TEST_F(EnginTest, AnInvocationMayRequestTheStopAndIsToldThatItCannotWaitForIt) {
  Engin* self = nullptr;
  Engin app(Supply(options()), Invoke([&](Lifecycle& lifecycle) {
              lifecycle.hook(logging("one"));
              EXPECT_THROW(self->stop(), WouldDeadlock);
            }),
            Invoke([this] { log.push_back("not reached"); }));
  self = &app;
  EXPECT_EQ(app.run(), 0);
  EXPECT_THAT(log, IsEmpty());
}

TEST_F(EnginTest, ADestructorIsToldThatItCannotWaitForTheStop) {
  struct Stops {
    Stops(Engin*& engin, int& count) : self(&engin), told(&count) {}
    Stops(const Stops&) = delete;
    ~Stops() {
      EXPECT_THROW((*self)->stop(), WouldDeadlock);
      ++*told;
    }
    Engin** self;
    int* told;
  };
  Engin* self = nullptr;
  int told = 0;
  Engin app(Supply(options()), Provide([&] { return Stops(self, told); }), Entrypoint<Stops>());
  self = &app;
  app.start();
  EXPECT_EQ(app.stop(), 0);
  EXPECT_EQ(told, 1);
}

// A shutdown hook, an observer and a stop callback are user code of the supervisor, as a task is.
TEST_F(EnginTest, WhatRunsInTheSupervisorIsToldThatItCannotWaitForTheStop) {
  Engin* self = nullptr;
  std::vector<std::string> told;
  const auto try_stop = [&](const char* who) {
    try {
      self->stop();
    } catch (const WouldDeadlock&) {
      told.emplace_back(who);
    }
  };
  struct Watcher final : engin::Observer {
    explicit Watcher(std::function<void()> f) : on_begin(std::move(f)) {}
    void on_event(const engin::Event& event) override {
      if (event.kind == engin::EventKind::ShutdownBegan) on_begin();
    }
    std::function<void()> on_begin;
  };
  auto given = options();
  given.observers = {std::make_shared<Watcher>([&] { try_stop("observer"); })};
  {
    Engin app(Supply(given), Invoke([&](Supervisor& s) {
                s.supervise(
                    [](std::stop_token) -> Co<> {
                      while (co_await engin::sleep_for(1h)) {
                      }
                    },
                    {.name = "t", .shutdown_hook = [&] { try_stop("hook"); }});
              }));
    self = &app;
    app.start();
    const std::stop_callback on_stop(app.stop_token(), [&] { try_stop("callback"); });
    world.run_until_idle();
    EXPECT_EQ(app.stop(), 0);
  }
  EXPECT_THAT(told, ::testing::UnorderedElementsAre("observer", "hook", "callback"));
}

TEST_F(EnginTest, ItCanBeLookedAtWhileItRunsAndAfterwards) {
  Engin* self = nullptr;
  Engin app(Supply(options()), Supply(std::ref(log)), Provide([](Log& l) { return Part<1>(l); }),
            Invoke([&](Supervisor& s, Part<1>&) {
              s.supervise([&] {
                self->check();
                log.push_back(std::to_string(self->graph().nodes.size()));
                EXPECT_EQ(self->report().exit_code, 0);
              });
            }));
  self = &app;
  app.start();
  world.run_until_idle();
  EXPECT_THAT(log, ElementsAre("make 1", "6"));
  EXPECT_EQ(app.stop(), 0);
  EXPECT_EQ(app.graph().nodes.size(), 6U);
  EXPECT_FALSE(app.stop_token().stop_possible());
}

TEST_F(EnginTest, TheOneDeadlineCountsFromTheRequestThatInterruptsAStart) {
  auto given = options();
  given.shutdown_timeout = 20s;
  given.on_straggler = OnStraggler::Abandon;
  engin::Wakeup never;
  Engin* self = nullptr;
  engin::TimePoint requested;
  const auto hang = [&]() -> Co<> { (void)co_await never.wait(engin::ignore_stop); };
  Engin app(Supply(given), Invoke([&](Lifecycle& lifecycle) {
              lifecycle.hook({.name = "one", .on_stop = hang});
              lifecycle.hook({.name = "two", .on_start = [&]() -> Co<> {
                                requested = world.now();
                                self->request_stop("too slow");
                                (void)co_await never.wait(engin::ignore_stop);
                              }});
            }));
  self = &app;
  app.start();
  EXPECT_LE(world.now() - requested, 20s);
  EXPECT_THAT(app.report().unfinished_hooks, ElementsAre("on_start of two", "on_stop of one"));
  never.notify_all();
  world.run_until_idle();
}

TEST_F(EnginTest, TheDestructorStops) {
  {
    Engin app(Supply(options()), Supply(std::ref(log)), Provide([](Log& l) { return Part<1>(l); }),
              Invoke([&](Lifecycle& lifecycle, Part<1>&) { lifecycle.hook(logging("one")); }));
    app.start();
  }
  EXPECT_THAT(log, ElementsAre("make 1", "start one", "stop one", "destroy 1"));
}

TEST_F(EnginTest, TheStopTokenFiresWhenATaskEndsTheApplication) {
  engin::TaskHandle task;
  Engin app(Supply(options()), Invoke([&](Supervisor& s) {
              task = s.supervise([]() -> Co<> {
                (void)co_await engin::sleep_for(5s);
                throw std::runtime_error("x");
              });
            }));
  EXPECT_FALSE(app.stop_token().stop_possible());
  app.start();
  const auto token = app.stop_token();
  EXPECT_FALSE(token.stop_requested());
  world.advance(5s);
  EXPECT_TRUE(token.stop_requested());
  EXPECT_EQ(app.stop(), 1);
}

// ---- with threads

TEST(EnginThreadsTest, RunIsEndedByAnotherThreadAndBothGetTheCode) {
  std::promise<void> running;
  Engin app(engin::handle_signals(false), Supply(SupervisorOptions{.default_observer = false}),
            Invoke([&](Supervisor& s) {
              s.supervise([&](std::stop_token) {
                running.set_value();
                while (engin::this_task::sleep_for(1h)) {
                }
              });
            }));
  int stopped = -1;
  std::thread other([&] {
    running.get_future().wait();
    stopped = app.stop();
  });
  EXPECT_EQ(app.run(), 0);
  other.join();
  EXPECT_EQ(stopped, 0);
}

TEST(EnginThreadsTest, SeveralThreadsMayStopWhatStartStarted) {
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> destroyed{0};
    struct Value {
      std::atomic<int>* count;
      explicit Value(std::atomic<int>& c) : count(&c) {}
      Value(const Value&) = delete;
      ~Value() { ++*count; }
    };
    Engin app(Supply(SupervisorOptions{.default_observer = false}), Provide([&] { return Value(destroyed); }),
              Entrypoint<Value>());
    app.start();
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        EXPECT_EQ(app.stop(), 0);
        EXPECT_EQ(destroyed, 1) << "when stop() returns, all is down";
      });
    }
    for (auto& thread : threads) thread.join();
  }
}

TEST(EnginThreadsTest, AStopDuringStartUpFromAnotherThreadWaitsUntilAllIsDown) {
  for (int round = 0; round < 50; ++round) {
    std::promise<void> starting;
    std::atomic<bool> down{false};
    Engin app(
        Supply(SupervisorOptions{.default_observer = false}), Invoke([&](Lifecycle& lifecycle) {
          lifecycle.hook({.name = "a", .on_start = [&] { starting.set_value(); }, .on_stop = [&] { down = true; }});
          lifecycle.hook({.name = "b"});
        }));
    std::thread other([&] {
      starting.get_future().wait();
      EXPECT_EQ(app.stop(), 0);
      EXPECT_TRUE(down);
    });
    app.start();
    other.join();
  }
}

TEST(EnginThreadsTest, TwoThreadsMayStopWhileItStarts) {
  for (int round = 0; round < 100; ++round) {
    std::promise<void> starting;
    const auto started = starting.get_future().share();
    std::atomic<int> ups{0};
    std::atomic<int> downs{0};
    const auto counted = [&](const char* name) {
      return engin::LifecycleHook{.name = name, .on_start = [&] { ++ups; }, .on_stop = [&] { ++downs; }};
    };
    Engin app(Supply(SupervisorOptions{.default_observer = false}),
              Invoke([&](Lifecycle& lifecycle, Supervisor& supervisor) {
                lifecycle.hook(counted("a"));
                lifecycle.hook(counted("b"));
                starting.set_value();
                try {
                  supervisor.supervise([] {});
                } catch (const engin::SupervisorStopping&) {
                }
              }));
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&, i] {
        started.wait();
        if (i == 0) app.request_stop("enough");
        EXPECT_EQ(app.stop(), 0);
        EXPECT_EQ(ups, downs) << "when stop() returns, all is down";
      });
    }
    app.start();
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(app.report().exit_code, 0);
  }
}

TEST(EnginThreadsTest, OnlyOneOfTwoThreadsRunsIt) {
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> refused{0};
    Engin app(engin::handle_signals(false), Supply(SupervisorOptions{.default_observer = false}),
              Invoke([](Supervisor& s) { s.supervise([] {}, {.on_return = OnReturn::Shutdown}); }));
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&] {
        try {
          EXPECT_EQ(app.run(), 0);
        } catch (const engin::AlreadyStarted&) {
          ++refused;
        }
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(refused, 1);
  }
}

TEST(EnginThreadsTest, ABlockingHookThatHangsCannotHoldUpTheStop) {
  if (engin::test::under_tsan)
    GTEST_SKIP() << "the threads of a host that is abandoned are not joined, which is reported";
  using std::chrono::steady_clock;
  auto quickest = steady_clock::duration::max();
  for (int round = 0; round < 4; ++round) {  // on a busy machine any one may be late
    std::promise<void> release;
    auto released = release.get_future().share();
    Engin app(Supply(SupervisorOptions{
                  .shutdown_timeout = 200ms, .on_straggler = OnStraggler::Abandon, .default_observer = false}),
              Invoke([&](Lifecycle& lifecycle) {
                lifecycle.hook({.name = "stuck", .on_stop = [released] { released.wait(); }});
              }));
    app.start();
    const auto before = steady_clock::now();
    EXPECT_EQ(app.stop(), 2);
    quickest = std::min(quickest, steady_clock::now() - before);
    EXPECT_THAT(app.report().unfinished_hooks, ElementsAre("on_stop of stuck"));
    release.set_value();
  }
  EXPECT_LT(quickest, 400ms) << "the deadline is 200 ms";
}

}  // namespace
