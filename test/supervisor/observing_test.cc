// What can be seen from outside: events in order, snapshots, reports, exit codes; and observers that misbehave.
#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <sstream>
#include <stdexcept>
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
using ::testing::HasSubstr;

class Calls : public Observer {
 public:
  explicit Calls(std::function<void(const Event&)> f) : f_(std::move(f)) {}
  void on_event(const Event& e) override { f_(e); }

 private:
  std::function<void(const Event&)> f_;
};
std::shared_ptr<Observer> calls(std::function<void(const Event&)> f) { return std::make_shared<Calls>(std::move(f)); }

ENGIN_SCENARIO(EventOrderTest, TheLifeOfATaskFromRegistrationToItsLastStop) {
  Supervisor& s = make({.name = "demo"});
  hooked(s.supervise(
      []() -> Co<> {
        if (this_task::attempt() == 1) throw std::runtime_error("broken");
        this_task::ready();
        while (co_await sleep_for(1h)) {
        }
      },
      {.name = "t", .on_exception = OnException::Retry, .backoff = Backoff::constant(2s), .shutdown_hook = [] {}}));
  s.start();
  world.advance(5s);
  s.shutdown();
  using enum EventKind;
  EXPECT_THAT(kinds("t"), ElementsAre(Registered, AttemptStarted, Failed, RestartScheduled, AttemptStarted, Ready,
                                      HookStarted, HookEnded, StopRequested, Stopped));
  const std::vector<Event> events = recorder->events("t");
  EXPECT_EQ(events[2].decision, Decision::Restart);
  EXPECT_EQ(events[2].delay, 2s);
  EXPECT_EQ(events[2].failure->message(), "broken");
  EXPECT_EQ(events[2].failure->attempt(), 1u);
  EXPECT_EQ(events[3].delay, 2s);
  EXPECT_EQ(events[4].attempt, 2u);
  EXPECT_EQ(events[7].hook, HookResult::Returned);
  EXPECT_EQ(events[8].reason, StopReason::Shutdown);
  for (const Event& e : log()) EXPECT_EQ(e.supervisor, "demo");
  EXPECT_EQ(log().back().kind, ShutdownEnded);
}

ENGIN_SCENARIO(ObserverTest, OneThatThrowsGetsNoMoreEventsAndDisturbsNobody) {
  int told = 0;
  ::testing::internal::CaptureStderr();
  Supervisor& s = make({.observers = {calls([&](const Event&) {
                          if (++told == 3) throw std::runtime_error("observer");
                        })}});
  for (int i = 0; i < 5; ++i) s.supervise([] {});
  s.start();
  EXPECT_TRUE(s.wait_all());
  const ShutdownReport& report = s.shutdown();
  const std::string printed = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(told, 3);
  EXPECT_GT(log().size(), 10u);
  EXPECT_TRUE(report.clean());
  EXPECT_EQ(std::count(printed.begin(), printed.end(), '\n'), 1) << printed;
  EXPECT_THAT(printed, HasSubstr("observer"));
}

ENGIN_SCENARIO(ObserverTest, OneThatBlocksHoldsBackItsTasksNextAttemptButNeitherOthersNorAStop) {
  Scenario* const self = this;
  Supervisor& s = make({.observers = {calls([self](const Event& e) {
                          if (e.kind == EventKind::Failed) self->block(10s);
                        })}});
  rules.exact = false;
  const TaskHandle held =
      s.supervise(throws(), {.name = "held", .on_exception = OnException::Retry, .backoff = Backoff::constant(1s)});
  int ticks = 0;
  periodic(s.supervise(every(1s, [&] { ++ticks; })));
  s.start();
  world.advance(9s);
  EXPECT_EQ(held.snapshot().attempt, 1u);
  EXPECT_EQ(ticks, 10);
  world.advance(2s);
  EXPECT_EQ(held.snapshot().attempt, 2u);
  const TimePoint before = world.now();
  EXPECT_EQ(held.stop(), StopResult::Stopped);
  EXPECT_EQ(world.now(), before);
  s.shutdown();
}

ENGIN_SCENARIO(ObserverTest, OneThatNeverReturnsDelaysTheReportToTheDeadlineAndIsNamed) {
  Scenario* const self = this;
  bool release = false;
  Supervisor& s = make({.shutdown_timeout = 5s, .observers = {calls([&, self](const Event& e) {
                                                  while (e.kind == EventKind::AttemptStarted && !release)
                                                    self->block(1s);
                                                })}});
  s.supervise(until_stopped(), {.name = "t"});
  s.start();
  world.run_until_idle();
  const TimePoint begun = world.now();
  const ShutdownReport& report = s.shutdown();
  EXPECT_LE(world.now() - begun, 5s + 50ms);
  EXPECT_FALSE(report.clean());
  ASSERT_FALSE(report.stragglers.empty());
  bool named = false;
  for (const Straggler& straggler : report.stragglers) named = named || straggler.what == "observer";
  EXPECT_TRUE(named);
  release = true;
  rules.deadline_came = true;
  rules.exact = false;
  finish();
}

ENGIN_SCENARIO(ObserverTest, TheTimeThatItTakesIsNotTheNextAttempts) {
  Scenario* const self = this;
  Supervisor& s = make({.observers = {calls([self](const Event& e) {
                          if (e.kind == EventKind::Failed) self->block(3s);
                        })}});
  const TimePoint begun = world.now();
  std::vector<Duration> starts;
  rules.exact = false;  // the observer holds attempts back
  s.supervise(
      [&] {
        starts.push_back(world.now() - begun);
        if (starts.size() < 3) throw std::runtime_error("broken");
      },
      {.name = "t", .on_exception = OnException::Retry, .backoff = Backoff::immediate()});
  s.start();
  EXPECT_TRUE(s.wait_all());
  EXPECT_EQ(starts, (std::vector<Duration>{0s, 3s, 6s}));
  std::vector<Duration> told;
  for (const Event& e : log()) {
    if (e.kind == EventKind::AttemptStarted) told.push_back(e.time - begun);
  }
  EXPECT_EQ(told, starts);
  finish();
}

ENGIN_SCENARIO(ObserverTest, ItMayCallAnythingThatDoesNotWait) {
  Supervisor* at = nullptr;
  TaskHandle made;
  Supervisor& s = make({.observers = {calls([&](const Event& e) {
                          (void)at->snapshot();
                          std::ostringstream out;
                          at->dump(out);
                          at->for_each_task([](const TaskHandle& task) { (void)task.state(); });
                          if (e.kind == EventKind::Failed && !made) made = at->supervise([] {}, {.name = "helper"});
                          if (e.kind == EventKind::Completed && e.task_name == "helper") at->request_shutdown("enough");
                          if (e.kind == EventKind::AttemptStarted) {
                            EXPECT_EQ(this_task::attempt(), 0u);  // an observer is in no task
                          }
                        })}});
  at = &s;
  s.supervise(throws(), {.on_exception = OnException::Ignore});
  s.start();
  EXPECT_EQ(s.wait().cause.reason, "enough");
  EXPECT_EQ(made.state(), TaskState::Completed);
}

ENGIN_SCENARIO(SnapshotTest, TellsWhatEachTaskDoesAndWhy) {
  Supervisor& s = make({.name = "demo"});
  const TaskHandle waits = s.supervise(until_stopped(), {.name = "waits"});
  const TaskHandle retries =
      s.supervise(throws("connection refused"), {.name = "retries",
                                                 .on_exception = OnException::Retry,
                                                 .backoff = Backoff::constant(14s),
                                                 .restart_limit = {.max_restarts = 5, .window = 1h}});
  EXPECT_EQ(s.snapshot().tasks[0].state, TaskState::Registered);
  EXPECT_FALSE(s.snapshot().started);
  s.start();
  world.advance(15s);
  const SupervisorSnapshot seen = s.snapshot();
  EXPECT_EQ(seen.name, "demo");
  EXPECT_TRUE(seen.started);
  EXPECT_FALSE(seen.stopping);
  EXPECT_EQ(seen.total_tasks, 2u);
  ASSERT_EQ(seen.tasks.size(), 2u);
  EXPECT_EQ(seen.tasks[0].id, waits.id());
  EXPECT_EQ(seen.find("waits")->state, TaskState::Waiting);
  const TaskSnapshot& r = *seen.find("retries");
  EXPECT_EQ(r.state, TaskState::Backoff);
  EXPECT_EQ(r.attempt, 2u);
  EXPECT_EQ(r.failed, 2u);
  EXPECT_EQ(r.since, world.now() - 1s);
  EXPECT_EQ(r.next_attempt, world.now() + 13s);
  EXPECT_EQ(r.restarts_used, 2u);
  EXPECT_EQ(r.restarts_allowed, 5u);
  for (const char* part : {"backoff", "13 s", "attempt 2", "connection refused", "2 of 5"}) {
    EXPECT_THAT(r.explain(), HasSubstr(part));
  }
  std::ostringstream out;
  s.dump(out);
  for (const char* part : {"demo", "waits", "retries", "connection refused"}) EXPECT_THAT(out.str(), HasSubstr(part));
  s.shutdown();
  EXPECT_TRUE(s.snapshot().ended);
  EXPECT_EQ(retries.snapshot().state, TaskState::Stopped);
}

ENGIN_SCENARIO(SnapshotTest, ATaskThatWaitsForARunnerIsQueuedAndSaysHowLong) {
  Supervisor& s = started();
  const TaskHandle task = s.supervise(until_stopped());
  EXPECT_EQ(task.state(), TaskState::Queued);
  EXPECT_EQ(task.snapshot().queued, 0ns);
  EXPECT_EQ(task.snapshot().attempt, 0u);
  world.run_until_idle();
  s.shutdown();
}

// --- exit_code() and clean(), end to end.

struct ExitCase {
  const char* what;
  int code;
  std::function<void(Scenario&, Supervisor&)> set_up;
};

TEST(ExitCodeTest, EveryKindOfEnd) {
  const auto ends_later = [](Supervisor& s, OnException x, OnReturn r = OnReturn::Finish, bool fails = true) {
    s.supervise(
        [fails]() -> Co<> {
          (void)co_await sleep_for(1s);
          if (fails) throw std::runtime_error("broken");
        },
        {.on_exception = x, .restart_limit = {.max_restarts = 0, .then = OnLimit::GiveUp}, .on_return = r});
  };
  const std::vector<ExitCase> cases = {
      {"nothing", 0, [](Scenario&, Supervisor&) {}},
      {"tasks that stop", 0, [](Scenario&, Supervisor& s) { s.supervise(until_stopped()); }},
      {"an ignored failure", 0, [&](Scenario&, Supervisor& s) { ends_later(s, OnException::Ignore); }},
      {"gave up", 0, [&](Scenario&, Supervisor& s) { ends_later(s, OnException::Retry); }},
      {"in backoff", 0, [](Scenario&, Supervisor& s) { s.supervise(throws(), {.on_exception = OnException::Retry}); }},
      {"throws while being stopped", 0,
       [](Scenario&, Supervisor& s) {
         s.supervise([] {
           while (this_task::sleep_for(1h)) {
           }
           throw std::runtime_error("late");
         });
       }},
      {"a return shuts down", 0,
       [&](Scenario&, Supervisor& s) { ends_later(s, OnException::Shutdown, OnReturn::Shutdown, false); }},
      {"a failure shuts down", 1, [&](Scenario&, Supervisor& s) { ends_later(s, OnException::Shutdown); }},
      {"a limit shuts down", 1,
       [](Scenario&, Supervisor& s) {
         s.supervise(throws(), {.on_exception = OnException::Retry, .restart_limit = {.max_restarts = 0}});
       }},
      {"a hook throws", 2,
       [](Scenario&, Supervisor& s) {
         s.supervise(until_stopped(), {.shutdown_hook = [] { throw std::runtime_error("hook"); }});
       }},
      {"a hook hangs", 2,
       [](Scenario& scenario, Supervisor& s) {
         s.supervise(until_stopped(),
                     {.shutdown_hook = [&scenario] { scenario.block(2s); }, .hook_timeout = 1s, .stop_timeout = 1h});
       }},
      {"a straggler", 2, [](Scenario&, Supervisor& s) { s.supervise(slow_to_stop(3s), {.stop_timeout = 1s}); }},
      {"a failure after shutdown began", 2,
       [](Scenario&, Supervisor& s) {
         s.supervise(
             [&s]() -> Co<> {
               while (!s.shutdown_cause()) (void)co_await sleep_for(1ms, ignore_stop);
               throw std::runtime_error("meanwhile");
             },
             {.on_exception = OnException::Ignore, .shutdown_hook = []() -> Co<> { (void)co_await sleep_for(1s); }});
         // In Reverse order its turn, and its hook, come later.
         s.supervise(slow_to_stop(1s));
       }},
  };
  for (const ExitCase& c : cases) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      SCOPED_TRACE(std::string(c.what) + ", seed " + std::to_string(seed));
      struct Plain : Scenario {
        using Scenario::Scenario;
        void run() override {}
      } scenario(seed);
      Supervisor& s =
          scenario.make({.stop_order = c.what == std::string("a failure after shutdown began") ? StopOrder::Reverse
                                                                                               : StopOrder::Together});
      c.set_up(scenario, s);
      s.start();
      if (s.wait_for(10s) == nullptr) s.request_shutdown("enough");
      const ShutdownReport& report = s.wait();
      EXPECT_EQ(report.exit_code(), c.code) << report;
      EXPECT_EQ(report.clean(), c.code == 0);
      scenario.check();
      if (HasFailure()) return;
    }
  }
}

ENGIN_SCENARIO(ReportTest, ListsWhatWasNotCleanFirst) {
  Supervisor& s = make();
  for (int i = 0; i < 5; ++i) s.supervise(until_stopped(), {.name = "good " + std::to_string(i)});
  s.supervise(slow_to_stop(1s), {.name = "bad", .shutdown_hook = [] { throw std::runtime_error("hook"); }});
  for (int i = 5; i < 9; ++i) s.supervise([] {}, {.name = "good " + std::to_string(i)}).request_stop();
  s.start();
  world.run_until_idle();
  const ShutdownReport& report = s.shutdown();
  ASSERT_GE(report.tasks.size(), 6u);
  EXPECT_EQ(report.tasks[0].name, "bad");
  EXPECT_EQ(report.tasks[0].stop_latency, std::optional<Duration>(1s));
  EXPECT_EQ(report.tasks[1].name, "good 0");
  EXPECT_EQ(report.tasks[2].name, "good 1");
}

ENGIN_SCENARIO(StopTokenTest, FiresWhenShutdownBeginsBeforeTheHooks) {
  std::vector<std::string> order;
  Supervisor& s = make();
  hooked(s.supervise(until_stopped(), {.shutdown_hook = [&] { order.push_back("hook"); }}));
  const std::stop_callback fired(s.stop_token(), [&] { order.push_back("token"); });
  EXPECT_FALSE(s.stop_token().stop_requested());
  s.start();
  world.run_until_idle();
  s.shutdown();
  EXPECT_THAT(order, ElementsAre("token", "hook"));
  EXPECT_TRUE(s.stop_token().stop_requested());
}

ENGIN_SCENARIO(StopIgnoredTest, EachAttemptThatDoesIsReported) {
  Supervisor& s = started();
  rules.by_hand = true;
  bool give_in = false;
  const TaskHandle task = s.supervise(
      [&]() -> Co<> {
        while (!give_in) (void)co_await sleep_for(1h);
      },
      {.name = "t"});
  for (std::size_t attempt = 1; attempt <= 2; ++attempt) {
    give_in = false;
    world.run_steps(10);
    task.request_stop();
    world.run_steps(10'000);
    EXPECT_EQ(count(EventKind::StopIgnored, "t"), attempt);
    give_in = true;
    EXPECT_EQ(task.wait(), Outcome::Stopped);
    give_in = false;
    if (attempt == 1) {
      EXPECT_EQ(task.restart(), RestartResult::Started);
    }
  }
  s.shutdown();
}

ENGIN_SCENARIO(StopIgnoredTest, AnAttemptThatAwaitsOnAfterItsStopIsReportedAndOthersGoOn) {
  Supervisor& s = started();
  bool give_in = false;
  int other = 0;
  const TaskHandle task = s.supervise(
      [&]() -> Co<> {
        while (!give_in) (void)co_await sleep_for(1h);
      },
      {.name = "t"});
  s.supervise([&]() -> Co<> {
    for (; other < 100; ++other) (void)co_await yield();
  });
  world.run_steps(10);
  task.request_stop();
  world.run_steps(10'000);
  EXPECT_EQ(other, 100);
  EXPECT_EQ(count(EventKind::StopIgnored, "t"), 1u);
  give_in = true;
  EXPECT_EQ(task.wait(), Outcome::Stopped);
  s.shutdown();
}

}  // namespace
}  // namespace engin
