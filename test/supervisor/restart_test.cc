// Whether and when a task starts again: backoff, limits, retry_if, on_return, health, the seed.
#include <chrono>
#include <cstdint>
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

/// The delays that events announced, in order.
std::vector<Duration> delays(const testing::Recorder& recorder) {
  std::vector<Duration> out;
  for (const Event& e : recorder.events(EventKind::RestartScheduled)) out.push_back(e.delay);
  return out;
}

ENGIN_SCENARIO(BackoffTest, DelaysGrowToTheCapAndAreKeptExactly) {
  Supervisor& s = started();
  s.supervise(throws(), {.on_exception = OnException::Retry,
                         .backoff = {.initial = 100ms, .max = 1s, .multiplier = 2, .jitter = Jitter::None}});
  world.advance(4s);
  s.shutdown();
  EXPECT_THAT(delays(*recorder), ElementsAre(100ms, 200ms, 400ms, 800ms, 1s, 1s, 1s));
}

ENGIN_SCENARIO(BackoffTest, JitterStaysInItsRangeAndDependsOnTheSeedAlone) {
  const auto run = [](std::uint64_t world_seed, std::uint64_t random_seed) {
    testing::VirtualRuntime own(world_seed);
    const auto kept = std::make_shared<testing::Recorder>();
    Supervisor s({.observers = {kept}, .default_observer = false, .random_seed = random_seed, .runtime = own});
    s.supervise(throws(), {.on_exception = OnException::Retry});
    s.supervise(throws(), {.on_exception = OnException::Retry, .backoff = {.jitter = Jitter::Full}});
    s.start();
    own.advance(2min);
    s.shutdown();
    std::vector<Duration> all;
    for (const TaskId id : {TaskId{1}, TaskId{2}}) {
      const std::vector<Backoff::Range> ranges = Backoff{.jitter = id == 1 ? Jitter::Equal : Jitter::Full}.preview(50);
      std::size_t n = 0;
      for (const Event& e : kept->events(EventKind::RestartScheduled)) {
        if (e.task != id) continue;
        EXPECT_GE(e.delay, ranges[n].earliest);
        EXPECT_LE(e.delay, ranges[n].latest);
        EXPECT_LE(e.delay, 30s);
        ++n;
        all.push_back(e.delay);
      }
      EXPECT_GT(n, 8u);
    }
    return all;
  };
  EXPECT_EQ(run(seed, 99), run(seed + 1000, 99));
  EXPECT_NE(run(seed, 99), run(seed, 100));
  make().shutdown();
}

ENGIN_SCENARIO(BackoffTest, AScheduleIsFollowedAndItsLastDelayRepeats) {
  Supervisor& s = started();
  s.supervise(throws(), {.on_exception = OnException::Retry, .backoff = Backoff::schedule({1s, 0s, 5s})});
  world.advance(17s);
  s.shutdown();
  EXPECT_THAT(delays(*recorder), ElementsAre(1s, 0s, 5s, 5s, 5s, 5s));
}

ENGIN_SCENARIO(BackoffTest, HealthyRunningResetsTheDelaysAndReadinessAloneDoesNot) {
  Supervisor& s = started();
  const Backoff backoff{.initial = 1s, .max = 1h, .jitter = Jitter::None, .reset_after = 60s};
  // Runs 59 s (not long enough) three times, then 60 s.
  s.supervise(
      []() -> Co<> {
        (void)co_await sleep_for(this_task::attempt() == 4 ? 60s : 59s);
        throw std::runtime_error("broken");
      },
      {.name = "from the start", .on_exception = OnException::Retry, .backoff = backoff});
  // The same, counted from ready(), which comes after 30 s.
  s.supervise(
      []() -> Co<> {
        (void)co_await sleep_for(30s);
        this_task::ready();
        if (this_task::attempt() == 3) (void)co_await sleep_for(60s);
        if (this_task::attempt() == 2) (void)co_await sleep_for(59s);
        throw std::runtime_error("broken");
      },
      {.name = "from ready", .on_exception = OnException::Retry, .backoff = backoff});
  world.advance(400s);
  const auto of = [&](const char* name) {
    std::vector<Duration> out;
    for (const Event& e : recorder->events(name)) {
      if (e.kind == EventKind::RestartScheduled) out.push_back(e.delay);
    }
    out.resize(5);
    return out;
  };
  EXPECT_THAT(of("from the start"), ElementsAre(1s, 2s, 4s, 1s, 2s));
  EXPECT_THAT(of("from ready"), ElementsAre(1s, 2s, 1s, 2s, 4s));
  s.shutdown();
}

ENGIN_SCENARIO(BackoffTest, TheLongestDurationsDoNotOverflow) {
  Supervisor& s = started();
  const TaskHandle task = s.supervise(throws(), {.on_exception = OnException::Retry,
                                                 .backoff = {.initial = Duration::max(), .max = Duration::max()},
                                                 .stop_timeout = Duration::max()});
  s.supervise([]() -> Co<> { (void)co_await sleep_for(std::chrono::hours::max()); });
  s.supervise([] { (void)this_task::sleep_for(std::chrono::hours::max()); });
  world.advance(24h * 365 * 50);
  EXPECT_EQ(task.state(), TaskState::Backoff);
  EXPECT_EQ(task.snapshot().attempt, 1u);
  EXPECT_FALSE(task.snapshot().explain().empty());
  EXPECT_EQ(s.wait_for(1h), nullptr);
  EXPECT_TRUE(s.shutdown().clean());
}

ENGIN_SCENARIO(LimitTest, ExactlySoManyRestartsAndNoMoreThenTheApplicationStops) {
  Supervisor& s = started();
  int runs = 0;
  const TaskHandle task = s.supervise(
      [&] {
        ++runs;
        throw std::runtime_error("broken");
      },
      {.name = "t",
       .on_exception = OnException::Retry,
       .backoff = Backoff::constant(1s),
       .restart_limit = {.max_restarts = 3}});
  const ShutdownReport& report = s.wait();
  EXPECT_EQ(runs, 4);
  EXPECT_EQ(report.cause.kind, ShutdownCause::Kind::LimitReached);
  EXPECT_EQ(report.cause.task_name, "t");
  EXPECT_EQ(report.cause.failure->message(), "broken");
  EXPECT_EQ(report.exit_code(), 1);
  EXPECT_EQ(task.wait(), Outcome::Failed);
  EXPECT_EQ(task.state(), TaskState::Failed);
}

ENGIN_SCENARIO(LimitTest, GivingUpTouchesNothingElse) {
  Supervisor& s = started();
  const TaskHandle other = s.supervise(until_stopped());
  const TaskHandle task = s.supervise(throws(), {.name = "t",
                                                 .on_exception = OnException::Retry,
                                                 .backoff = Backoff::immediate(),
                                                 .restart_limit = {.max_restarts = 2, .then = OnLimit::GiveUp}});
  world.advance(1h);
  EXPECT_EQ(task.state(), TaskState::GaveUp);
  EXPECT_EQ(task.wait(), Outcome::Failed);
  EXPECT_EQ(task.snapshot().attempt, 3u);
  EXPECT_EQ(other.state(), TaskState::Waiting);
  EXPECT_EQ(count(EventKind::GaveUp), 1u);
  EXPECT_EQ(s.shutdown().exit_code(), 0);
}

ENGIN_SCENARIO(LimitTest, CoolingDownRestsAndBeginsWithAFreshCount) {
  Supervisor& s = started();
  const TaskHandle task =
      s.supervise(throws(), {.name = "t",
                             .on_exception = OnException::Retry,
                             .backoff = {.initial = 1s, .jitter = Jitter::None},
                             .restart_limit = {.max_restarts = 2, .window = 1h, .then = OnLimit::CoolDown(10min)}});
  world.advance(4s);
  EXPECT_EQ(task.state(), TaskState::CoolingDown);
  EXPECT_EQ(task.snapshot().attempt, 3u);
  EXPECT_EQ(task.snapshot().next_attempt, world.now() + 10min - 1s);
  world.advance(10min - 1s);
  EXPECT_EQ(task.snapshot().attempt, 4u);
  world.advance(4s);
  EXPECT_EQ(task.snapshot().attempt, 6u);
  EXPECT_THAT(delays(*recorder), ElementsAre(1s, 2s, 10min, 1s, 2s, 10min));
  EXPECT_EQ(task.stop(), StopResult::Stopped);
  s.shutdown();
}

ENGIN_SCENARIO(LimitTest, FailuresSpacedAtTheWindowOrMoreNeverReachIt) {
  Supervisor& s = started();
  const auto with = [&](Duration every_so_often) {
    return s.supervise(
        [every_so_often]() -> Co<> {
          (void)co_await sleep_for(every_so_often);
          throw std::runtime_error("broken");
        },
        {.on_exception = OnException::Retry,
         .backoff = Backoff::immediate(),
         .restart_limit = {.max_restarts = 1, .window = 10s, .then = OnLimit::GiveUp}});
  };
  const TaskHandle at_the_window = with(10s);
  const TaskHandle within = with(9s);
  world.advance(10min);
  EXPECT_EQ(at_the_window.state(), TaskState::Waiting);
  EXPECT_EQ(within.state(), TaskState::GaveUp);
  EXPECT_EQ(within.snapshot().attempt, 2u);
  s.shutdown();
}

ENGIN_SCENARIO(LimitTest, NoLimitIsTheDefault) {
  Supervisor& s = started();
  const TaskHandle task =
      s.supervise(throws(), {.on_exception = OnException::Retry, .backoff = Backoff::constant(1ms)});
  world.advance(5s);
  EXPECT_EQ(task.snapshot().attempt, 5001u);
  EXPECT_EQ(task.snapshot().restarts_allowed, std::nullopt);
  s.shutdown();
}

ENGIN_SCENARIO(RetryIfTest, IsAskedOncePerFailureAndFalseIsALimitReached) {
  Supervisor& s = started();
  std::vector<std::string> asked;
  const TaskHandle task =
      s.supervise([] { throw std::runtime_error(this_task::attempt() < 3 ? "passing" : "permanent"); },
                  {.on_exception = OnException::Retry,
                   .retry_if =
                       [&](const Failure& f) {
                         asked.push_back(f.message());
                         EXPECT_NE(f.as<std::runtime_error>(), nullptr);
                         return f.message() == "passing";
                       },
                   .restart_limit = {.then = OnLimit::GiveUp}});
  world.advance(1h);
  EXPECT_THAT(asked, ElementsAre("passing", "passing", "permanent"));
  EXPECT_EQ(task.state(), TaskState::GaveUp);
  s.shutdown();
}

ENGIN_SCENARIO(RetryIfTest, ThrowingIsALimitReachedAndTheCauseIsTheTasksOwnFailure) {
  Supervisor& s = started();
  s.supervise(throws("the failure"), {.on_exception = OnException::Retry,
                                      .retry_if = [](const Failure&) -> bool { throw std::logic_error("predicate"); }});
  const ShutdownReport& report = s.wait();
  EXPECT_EQ(report.cause.kind, ShutdownCause::Kind::LimitReached);
  EXPECT_EQ(report.cause.failure->message(), "the failure");
  EXPECT_EQ(report.cause.reason, "retry_if refused");
  EXPECT_EQ(report.total_failed, 1u);
}

ENGIN_SCENARIO(RetryIfTest, IsNotAskedOfWhatIsStoppedOrNotRetried) {
  Supervisor& s = started();
  int asked = 0;
  const auto predicate = [&](const Failure&) {
    ++asked;
    return true;
  };
  s.supervise(throws(), {.on_exception = OnException::Ignore, .retry_if = predicate});
  const TaskHandle task = s.supervise(
      []() -> Co<> {
        while (co_await sleep_for(1h)) {
        }
        throw std::runtime_error("late");
      },
      {.on_exception = OnException::Retry, .retry_if = predicate});
  world.run_until_idle();
  task.stop();
  EXPECT_EQ(asked, 0);
  s.shutdown();
}

ENGIN_SCENARIO(OnReturnTest, RestartWaitsAtLeastInitialAndIsNoFailureAndNotLimited) {
  Supervisor& s = started();
  const TaskHandle task = s.supervise([] {}, {.name = "t",
                                              .backoff = {.initial = 100ms, .max = 1s, .jitter = Jitter::Full},
                                              .restart_limit = {.max_restarts = 1},
                                              .on_return = OnReturn::Restart});
  world.advance(1min);
  EXPECT_FALSE(s.shutdown_cause().has_value());
  EXPECT_GT(task.snapshot().attempt, 50u);
  EXPECT_EQ(task.snapshot().failed, 0u);
  EXPECT_EQ(task.snapshot().completed, task.snapshot().attempt);
  for (const Duration delay : delays(*recorder)) {
    EXPECT_GE(delay, 100ms);
    EXPECT_LE(delay, 1s);
  }
  EXPECT_EQ(task.stop(), StopResult::Stopped);
  EXPECT_TRUE(s.shutdown().clean());
}

ENGIN_SCENARIO(OnReturnTest, ShutdownByAStoppedTaskIsNone) {
  Supervisor& s = started();
  const TaskHandle task = s.supervise(until_stopped(), {.on_return = OnReturn::Shutdown});
  world.run_until_idle();
  EXPECT_EQ(task.stop(), StopResult::Stopped);
  world.advance(1h);
  EXPECT_FALSE(s.shutdown_cause().has_value());
  s.shutdown();
}

ENGIN_SCENARIO(HeartbeatTest, AStallIsReportedOnceAndAgainAfterABeat) {
  Supervisor& s = started();
  s.supervise(
      []() -> Co<> {
        (void)co_await sleep_for(5s);
        this_task::beat();
        (void)co_await sleep_for(5s);
        for (int i = 0; i < 10; ++i) {
          this_task::beat();
          (void)co_await sleep_for(500ms);
        }
      },
      {.name = "t", .heartbeat_timeout = 1s});
  world.advance(1min);
  EXPECT_EQ(count(EventKind::Unresponsive), 2u);
  EXPECT_EQ(s.shutdown().exit_code(), 0);
}

ENGIN_SCENARIO(HeartbeatTest, FailStopsTheAttemptWithoutItsHookAndItCountsAsFailed) {
  Supervisor& s = started();
  int hooks = 0;
  StopReason reason = StopReason::None;
  const TaskHandle task = s.supervise(
      [&]() -> Co<> {
        while (co_await sleep_for(1h)) {
        }
        reason = this_task::stop_reason();
      },
      {.name = "t",
       .on_exception = OnException::Retry,
       .backoff = Backoff::constant(1s),
       .shutdown_hook = [&] { ++hooks; },
       .heartbeat_timeout = 2s,
       .on_unresponsive = OnUnresponsive::Fail});
  world.advance(2s);
  EXPECT_EQ(reason, StopReason::Unresponsive);
  EXPECT_EQ(hooks, 0);
  EXPECT_EQ(task.snapshot().failed, 1u);
  EXPECT_EQ(task.state(), TaskState::Backoff);
  world.advance(1s);
  EXPECT_EQ(task.snapshot().attempt, 2u);
  s.shutdown();
}

ENGIN_SCENARIO(PeriodicTest, UnderIgnoreAFailedCallIsRecordedAndTheNextComesWhenDue) {
  Supervisor& s = started();
  std::vector<Duration> at;
  const TimePoint begun = world.now();
  const TaskHandle task = periodic(s.supervise(every(5s,
                                                     [&] {
                                                       at.push_back(world.now() - begun);
                                                       if (at.size() % 2 == 0) throw std::runtime_error("broken");
                                                     }),
                                               {.on_exception = OnException::Ignore}));
  world.advance(21s);
  EXPECT_THAT(at, ElementsAre(0s, 5s, 10s, 15s, 20s));
  EXPECT_EQ(task.snapshot().failed, 2u);
  EXPECT_EQ(task.snapshot().attempt, 1u);
  EXPECT_EQ(task.state(), TaskState::Waiting);
  EXPECT_TRUE(s.shutdown().clean());
}

ENGIN_SCENARIO(PeriodicTest, UnderRetryTheNextCallComesAfterTheBackoffAndThePhaseIsKept) {
  Supervisor& s = started();
  std::vector<Duration> at;
  const TimePoint begun = world.now();
  const TaskHandle task =
      periodic(s.supervise(every(10s,
                                 [&] {
                                   at.push_back(world.now() - begun);
                                   if (at.size() >= 2 && at.size() <= 4) throw std::runtime_error("broken");
                                 },
                                 {.first = 1s}),
                           {.on_exception = OnException::Retry, .backoff = {.initial = 1s, .jitter = Jitter::None}}));
  world.advance(42s);
  EXPECT_THAT(at, ElementsAre(1s, 11s, 12s, 14s, 18s, 21s, 31s, 41s));
  EXPECT_EQ(task.restart(), RestartResult::Started);  // the next call now
  world.run_until_idle();
  EXPECT_EQ(at.back(), 42s);
  world.advance(9s);
  EXPECT_EQ(at.back(), 51s);
  EXPECT_EQ(task.snapshot().attempt, 1u);
  s.shutdown();
}

ENGIN_SCENARIO(PeriodicTest, UnderShutdownAFailedCallShutsDown) {
  Supervisor& s = started();
  int calls = 0;
  periodic(s.supervise(every(1s,
                             [&] {
                               if (++calls == 3) throw std::runtime_error("broken");
                             }),
                       {.name = "t"}));
  const ShutdownReport& report = s.wait();
  EXPECT_EQ(report.cause.task_name, "t");
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(report.exit_code(), 1);
}

}  // namespace
}  // namespace engin
