#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engin/every.h"
#include "test/support/virtual_supervisor.h"

namespace engin {
namespace {

using namespace std::chrono_literals;

class PeriodicTest : public test::VirtualTest {
 protected:
  PeriodicTest() : s(options()), begin(world.now()) { s.start(); }
  auto note() {
    return [this] { calls.push_back(world.now() - begin); };
  }

  Supervisor s;
  TimePoint begin;
  std::vector<Duration> calls;
};
ENGIN_WITH_SEEDS(PeriodicTest);

using Times = std::vector<Duration>;

TEST_P(PeriodicTest, ALimitIsReachedByTheCallThatItDoesNotAllow) {
  // The backoff alone would reach beyond the window; a call comes at its due time at the latest.
  auto task = s.supervise(every(1s,
                                [this] {
                                  calls.push_back(world.now() - begin);
                                  throw std::runtime_error("broken");
                                }),
                          {.on_exception = OnException::Retry,
                           .backoff = Backoff::constant(10s),
                           .restart_limit = {.max_restarts = 2, .window = 5s, .then = OnLimit::GiveUp}});
  world.advance(30s);
  EXPECT_EQ(calls, Times({0s, 1s, 2s}));
  EXPECT_EQ(task.state(), TaskState::GaveUp);
  EXPECT_EQ(task.snapshot().attempt, 1U);
  EXPECT_EQ(task.snapshot().failed, 3U);
}

TEST_P(PeriodicTest, AStopWhileRetryIfIsAskedDoesNotChangeWhatTheCallWas) {
  auto task = s.supervise(every(1h, [] { throw std::runtime_error("broken"); }),
                          {.on_exception = OnException::Retry, .retry_if = [](const Failure&) {
                             this_task::sleep_for(10s);
                             return true;
                           }});
  world.advance(1s);
  task.request_stop();
  EXPECT_EQ(task.wait(), Outcome::Failed);
  EXPECT_EQ(task.snapshot().failed, 1U);
}

TEST_P(PeriodicTest, RestartMakesTheNextCallNowWhateverTheTaskWaitsFor) {
  auto task = s.supervise(every(1h, note(), {.first = 2h}));
  EXPECT_EQ(task.restart(), RestartResult::Started);  // queued
  world.run_until_idle();
  EXPECT_EQ(calls, Times({0s}));
  world.advance(1s);
  EXPECT_EQ(task.stop(1s), StopResult::Stopped);
  EXPECT_EQ(task.restart(), RestartResult::Started);  // ended
  world.run_until_idle();
  EXPECT_EQ(calls, Times({0s, 1s}));
  world.advance(1s);
  EXPECT_EQ(task.restart(), RestartResult::Started);  // waiting
  world.run_until_idle();
  EXPECT_EQ(calls, Times({0s, 1s, 2s}));
}

TEST_P(PeriodicTest, ARestartDuringTheLastHookMakesItsCallWhenTheStopIsOver) {
  auto task =
      s.supervise(every(500ms, note(), {.first = 10s}), {.shutdown_hook = [] { this_task::sleep_for(1100ms); }});
  world.advance(10s);
  task.request_stop();
  world.advance(200ms);
  EXPECT_EQ(task.restart(), RestartResult::WhenEnded);
  world.advance(1s);
  EXPECT_EQ(calls, Times({10s, 10500ms, 11s, 11100ms})) << "in due time, and then without waiting for `first`";
  EXPECT_EQ(task.snapshot().attempt, 2U);
}

TEST_P(PeriodicTest, CallsAtOnceAndThenOnceAPeriod) {
  auto task = s.supervise(every(5s, note()));
  world.advance(15s);
  EXPECT_EQ(calls, Times({0s, 5s, 10s, 15s}));
  EXPECT_EQ(task.state(), TaskState::Waiting);
  const TaskSnapshot snapshot = task.snapshot();
  EXPECT_EQ(snapshot.attempt, 1U) << "the whole series is one attempt";
  EXPECT_EQ(snapshot.completed, 4U);
  EXPECT_EQ(snapshot.next_attempt, begin + 20s);
}

TEST_P(PeriodicTest, FirstDelaysTheWholeSchedule) {
  s.supervise(every(5s, note(), {.first = 2s}));
  world.advance(13s);
  EXPECT_EQ(calls, Times({2s, 7s, 12s}));
}

TEST_P(PeriodicTest, HoldsItsPhaseHoweverLongACallTakes) {
  s.supervise(every(5s, [&] {
    note()();
    this_task::sleep_for(3s);
  }));
  world.advance(12s);
  EXPECT_EQ(calls, Times({0s, 5s, 10s}));
}

TEST_P(PeriodicTest, SkipsWhatFellDueDuringACall) {
  s.supervise(every(5s, [&] {
    note()();
    if (calls.size() == 1) this_task::sleep_for(12s);
  }));
  world.advance(20s);
  EXPECT_EQ(calls, Times({0s, 15s, 20s}));
}

TEST_P(PeriodicTest, OrMakesUpForItOnce) {
  s.supervise(every(5s,
                    [&] {
                      note()();
                      if (calls.size() == 1) this_task::sleep_for(12s);
                    },
                    {.overlap = Overlap::RunOnce}));
  world.advance(20s);
  EXPECT_EQ(calls, Times({0s, 12s, 15s, 20s}));
}

TEST_P(PeriodicTest, JitterDelaysEachCallByAtMostItsSpanAndDoesNotAddUp) {
  s.supervise(every(10s, note(), {.jitter = 3s}));
  world.advance(995s);
  ASSERT_EQ(calls.size(), 100U);
  bool varied = false;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const Duration late = calls[i] - 10s * static_cast<int>(i);
    EXPECT_GE(late, 0s);
    EXPECT_LE(late, 3s);
    varied = varied || late != calls[0];
  }
  EXPECT_TRUE(varied);
}

TEST_P(PeriodicTest, UnderIgnoreAFailedCallIsRecordedAndTheSeriesGoesOn) {
  auto task = s.supervise(every(5s,
                                [&] {
                                  note()();
                                  if (calls.size() == 2) throw std::runtime_error("bad report");
                                }),
                          {.on_exception = OnException::Ignore});
  world.advance(15s);
  EXPECT_EQ(calls, Times({0s, 5s, 10s, 15s}));
  const TaskSnapshot snapshot = task.snapshot();
  EXPECT_EQ(snapshot.failed, 1U);
  EXPECT_EQ(snapshot.completed, 3U);
  EXPECT_EQ(snapshot.last_failure->message(), "bad report");
  EXPECT_EQ(events->count(EventKind::Failed), 1U);
}

TEST_P(PeriodicTest, UnderRetryTheNextCallComesAfterTheBackoffButNotLaterThanDue) {
  s.supervise(
      every(10s,
            [&] {
              note()();
              if (calls.size() <= 4) throw 1;
            }),
      {.on_exception = OnException::Retry, .backoff = {.initial = 2s, .multiplier = 2, .jitter = Jitter::None}});
  world.advance(30s);
  // 2 s and 4 s of delay; then 8 s would be later than the call due at 10 s; one good call resets the delay.
  EXPECT_EQ(calls, Times({0s, 2s, 6s, 10s, 20s, 30s}));
}

TEST_P(PeriodicTest, UnderRetryALimitCountsFailedCalls) {
  auto task = s.supervise(every(1h,
                                [&] {
                                  note()();
                                  throw 1;
                                }),
                          {.on_exception = OnException::Retry,
                           .backoff = Backoff::constant(1s),
                           .restart_limit = {.max_restarts = 3, .then = OnLimit::GiveUp}});
  world.advance(10s);
  EXPECT_EQ(calls, Times({0s, 1s, 2s, 3s}));
  EXPECT_EQ(task.state(), TaskState::GaveUp);
  EXPECT_EQ(task.snapshot().failed, 4U);
}

TEST_P(PeriodicTest, UnderRetryEachFailedCallIsAskedAbout) {
  std::vector<std::string> asked;
  int failures = 0;
  const auto fails_until_third = [&](const Failure& f) {
    asked.push_back(f.message());
    return f.message() != "3";
  };
  const TaskHandle task =
      s.supervise(every(1s, [&] { throw std::runtime_error(std::to_string(++failures)); }),
                  {.on_exception = OnException::Retry, .retry_if = fails_until_third, .backoff = Backoff::immediate()});
  world.advance(5s);
  EXPECT_EQ(asked, (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_TRUE(is_ended(task.state()));
}

TEST_P(PeriodicTest, UnderShutdownAFailedCallShutsDown) {
  s.supervise(every(5s,
                    [&] {
                      note()();
                      if (calls.size() == 3) throw std::runtime_error("enough");
                    }),
              {.name = "reporter"});
  EXPECT_EQ(s.wait().exit_code(), 1);
  EXPECT_EQ(s.shutdown_cause()->task_name, "reporter");
  EXPECT_EQ(s.wait().total_failed, 1U);
}

TEST_P(PeriodicTest, RestartMakesTheNextCallNow) {
  auto task = s.supervise(every(1h, note()));
  world.advance(10min);
  EXPECT_EQ(task.restart(), RestartResult::Started);
  world.run_until_idle();
  world.advance(2h);
  EXPECT_EQ(calls, Times({0s, 10min, 1h, 2h}));
  EXPECT_EQ(task.snapshot().attempt, 1U);
}

TEST_P(PeriodicTest, AStopEndsTheWaitBetweenCalls) {
  auto task = s.supervise(every(1h, note()));
  world.run_until_idle();
  const TimePoint before = world.now();
  EXPECT_EQ(task.stop(1s), StopResult::Stopped);
  EXPECT_EQ(world.now(), before);
  EXPECT_EQ(task.restart(), RestartResult::Started);
  world.run_until_idle();
  EXPECT_EQ(calls, Times({0s, 0s}));
}

TEST_P(PeriodicTest, ACoroutineIsACallUntilItHasRunToItsEnd) {
  s.supervise(every(5s, [&]() -> Co<absl::Status> {
    note()();
    (void)co_await sleep_for(7s);
    co_return absl::OkStatus();
  }));
  world.advance(22s);
  EXPECT_EQ(calls, Times({0s, 10s, 20s}));
}

TEST_P(PeriodicTest, AHookRunsBeforeTheSeriesIsStopped) {
  bool hook = false;
  auto task = s.supervise(every(1s,
                                [&] {
                                  note()();
                                  this_task::sleep_for(500ms);
                                }),
                          {.shutdown_hook = [&] {
                            this_task::sleep_for(2s);
                            hook = true;
                          }});
  world.advance(250ms);
  EXPECT_EQ(task.stop(1min), StopResult::Stopped);
  EXPECT_TRUE(hook);
  EXPECT_EQ(calls, Times({0s, 1s, 2s})) << "the series goes on while its hook runs";
}

TEST_P(PeriodicTest, RefusesAPeriodThatIsNotPositive) {
  for (const Duration period : {Duration(0), Duration(-1)}) {
    try {
      s.supervise(every(period, [] {}), {.name = "p"});
      FAIL();
    } catch (const InvalidOptions& e) {
      EXPECT_EQ(e.field(), "every.period");
      EXPECT_NE(std::string(e.what()).find("'p'"), std::string::npos) << e.what();
    }
  }
  EXPECT_THROW(s.supervise(every(1s, [] {}, {.jitter = 2s})), InvalidOptions);
  EXPECT_THROW(s.supervise(every(1s, [] {}, {.first = -1s})), InvalidOptions);
  EXPECT_THROW(s.supervise(every(1s, std::function<void()>())), InvalidOptions);
}

}  // namespace
}  // namespace engin
