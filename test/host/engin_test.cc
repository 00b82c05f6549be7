// What runs, in which order, and who may stop it when; in virtual time.
#include "engin/engin.h"

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/host/engin_kit.h"

namespace {

using namespace std::chrono_literals;
using engin::Co;
using engin::Engin;
using engin::Entrypoint;
using engin::Invoke;
using engin::Lifecycle;
using engin::OnReturn;
using engin::OnStraggler;
using engin::Populate;
using engin::Provide;
using engin::Supervisor;
using engin::Supply;
using engin::WouldDeadlock;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

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

}  // namespace
