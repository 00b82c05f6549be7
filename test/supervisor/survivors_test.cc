// Small promises that defects made by rule got past (test/mutants/survivors.md): each is one line of the library that
// nothing else noticed when it was gone.
#include <chrono>
#include <exception>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "engin/supervisor.h"
#include "engin/testing/recorder.h"
#include "test/support/scenario.h"

namespace engin {
namespace {

using namespace std::chrono_literals;
using namespace engin::test;

ENGIN_SCENARIO(SmallPromiseTest, AStatusIsToldByItsCodeAndMessage) {
  Supervisor& s = started();
  TaskHandle task =
      s.supervise([] { return absl::UnavailableError("no route"); }, {.on_exception = OnException::Ignore});
  task.wait();
  EXPECT_EQ(task.snapshot().last_failure->message(), "UNAVAILABLE: no route");
  s.shutdown();
}

ENGIN_SCENARIO(SmallPromiseTest, ABadAllocKeepsNoExceptionAndOthersDo) {
  Supervisor& s = started();
  TaskHandle task = s.supervise(
      [] {
        if (this_task::attempt() == 2) throw std::runtime_error("broken");
        throw std::bad_alloc();
      },
      {.on_exception = OnException::Retry, .backoff = Backoff::constant(1s)});
  const auto kept = [&] { return task.snapshot().last_failure->exception() != nullptr; };
  world.run_until_idle();
  EXPECT_FALSE(kept());
  world.advance(1s);
  EXPECT_TRUE(kept());
  world.advance(1s);
  EXPECT_FALSE(kept());
  EXPECT_EQ(task.snapshot().first_failures.size(), 3u);
  s.shutdown();
}

ENGIN_SCENARIO(SmallPromiseTest, TheCauseHasTheTasksIdAndTheReportItsRestarts) {
  Supervisor& s = started();
  s.supervise(until_stopped());
  TaskHandle task = s.supervise(
      [] {
        if (this_task::attempt() < 4) throw std::runtime_error("again");
        throw std::logic_error("enough");
      },
      {.on_exception = OnException::Retry,
       .retry_if = [](const Failure& f) { return f.message() == "again"; },
       .backoff = Backoff::constant(1ms)});
  const ShutdownReport& report = s.wait();
  EXPECT_EQ(report.cause.task, task.id());
  EXPECT_EQ(report.total_restarted, 3u);
}

ENGIN_SCENARIO(SmallPromiseTest, OneThatNeverStartedIsToldToHaveStopped) {
  Supervisor& s = make();
  TaskHandle task = s.supervise(until_stopped(), {.name = "idle"});
  EXPECT_EQ(task.stop(), StopResult::Stopped);
  s.start();
  world.run_until_idle();
  EXPECT_EQ(count(EventKind::Stopped, "idle"), 1u);
  s.shutdown();
}

ENGIN_SCENARIO(SmallPromiseTest, TheShutdownBringsADeadlineThatWasLaterForward) {
  Supervisor& s = started({.shutdown_timeout = 2s});
  rules.by_hand = rules.deadline_came = true;
  std::optional<Duration> left;
  TaskHandle task = s.supervise(
      [&] {
        block(10s);
        left = this_task::stop_deadline() - world.now();
      },
      {.stop_timeout = 1h});
  world.run_until_idle();
  task.request_stop();
  world.run_until_idle();
  EXPECT_EQ(s.shutdown().duration, 2s);
  finish();
  EXPECT_EQ(left, std::optional<Duration>(-8s)) << "it looked after ten seconds, and had two";
}

ENGIN_SCENARIO(SmallPromiseTest, TheSnapshotCountsWhatIsReady) {
  Supervisor& s = started();
  s.supervise(until_stopped());
  s.supervise(until_stopped());
  EXPECT_EQ(s.snapshot().ready, world.ready_jobs());
  EXPECT_GE(s.snapshot().ready, 2u);
  s.shutdown();
}

TEST(SmallPromiseTest, AnEmptyHandleHasAState) { EXPECT_TRUE(is_ended(TaskHandle().state())); }

}  // namespace
}  // namespace engin
