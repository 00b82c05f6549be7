#include <chrono>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>

#include "engin/snapshot.h"
#include "supervisor/dump.h"

namespace engin {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint now{1000s};

Failure refused_in(std::uint64_t attempt) {
  return Failure(&typeid(std::system_error), "connection refused", nullptr, absl::OkStatus(), now - 1s, 1s, attempt);
}

TaskSnapshot in_state(TaskState state, Duration for_so_long = 3s) {
  TaskSnapshot task;
  task.name = "uplink";
  task.state = state;
  task.taken = now;
  task.since = now - for_so_long;
  task.attempt = 7;
  return task;
}

TaskSnapshot failed(TaskSnapshot task, std::uint64_t failures = 6) {
  task.failed = failures;
  task.last_failure = refused_in(task.attempt);
  return task;
}

TEST(ExplainTest, BackoffSaysHowLongAndWhyAndHowManyAreLeft) {
  TaskSnapshot task = failed(in_state(TaskState::Backoff));
  task.next_attempt = now + 14s;
  task.restarts_used = 2;
  task.restarts_allowed = 5;
  EXPECT_EQ(task.explain(),
            "in backoff for another 14 s after attempt 7 failed with system_error: connection refused; 2 of 5 restarts "
            "used");
}

TEST(ExplainTest, BackoffWithoutALimitSaysSo) {
  TaskSnapshot task = failed(in_state(TaskState::Backoff));
  task.next_attempt = now + 250ms;
  task.restarted = 6;
  EXPECT_EQ(task.explain(),
            "in backoff for another 250 ms after attempt 7 failed with system_error: connection refused; 6 restarts so "
            "far, without a limit");
  task.restarted = 1'234'567;
  task.next_attempt = now - 1ns;
  EXPECT_EQ(task.explain(),
            "in backoff, due now, after attempt 7 failed with system_error: connection refused; 1,234,567 restarts so "
            "far, without a limit");
}

TEST(ExplainTest, BackoffAfterAReturnBlamesNoOlderFailure) {
  TaskSnapshot task = in_state(TaskState::Backoff);
  task.last_failure = refused_in(3);
  task.next_attempt = now + 1s;
  task.restarted = 1;
  EXPECT_EQ(task.explain(), "in backoff for another 1 s after attempt 7 returned; 1 restart so far, without a limit");
}

TEST(ExplainTest, BackoffForEver) {
  TaskSnapshot task = in_state(TaskState::Backoff);
  task.next_attempt = TimePoint::max();
  task.restarts_allowed = 1;
  EXPECT_EQ(task.explain(), "in backoff for ever after attempt 7 returned; 0 of 1 restart used");
}

TEST(ExplainTest, EveryStateHasItsSentence) {
  struct Case {
    TaskSnapshot task;
    std::string sentence;
  };
  const auto with = [](TaskSnapshot task, auto change) {
    change(task);
    return task;
  };
  const std::vector<Case> cases = {
      {in_state(TaskState::Registered), "registered; it starts with the supervisor"},
      {with(in_state(TaskState::Queued), [](auto& t) { t.queued = 20ms; }),
       "attempt 8 has been waiting for a runner for 20 ms"},
      {with(failed(in_state(TaskState::GaveUp)), [](TaskSnapshot& t) { t.retry_refused = true; }),
       "gave up 3 s ago, since retry_if refused, after attempt 7 failed with system_error: connection refused"},
      {with(in_state(TaskState::Queued),
            [](auto& t) {
              t.queued = 20s;
              t.waits_for = "'a' and 'b' hold them";
            }),
       "attempt 8 has been waiting for a runner for 20 s; none can be had: 'a' and 'b' hold them"},
      {in_state(TaskState::Running, 2h + 3min), "attempt 7 has been running for 2 h 3 min"},
      {with(failed(in_state(TaskState::Running)), [](auto& t) { t.ready = true; }),
       "attempt 7 has been running for 3 s, and is ready; 6 failures so far, the last: system_error: connection "
       "refused"},
      {in_state(TaskState::Waiting), "attempt 7 began 3 s ago and is waiting, holding no thread"},
      {with(failed(in_state(TaskState::Waiting), 1), [](auto& t) { t.next_attempt = now + 5s; }),
       "attempt 7 began 3 s ago and is waiting, holding no thread; its next call comes in 5 s; 1 failure so far, the "
       "last: "
       "system_error: connection refused"},
      {with(failed(in_state(TaskState::CoolingDown)),
            [](auto& t) {
              t.next_attempt = now + 4min;
              t.restarts_used = t.restarts_allowed.emplace(5);
            }),
       "cooling down for another 4 min, its limit reached, after attempt 7 failed with system_error: connection "
       "refused; "
       "5 of 5 restarts used"},
      {with(in_state(TaskState::Stopping), [](auto& t) { t.stop_reason = StopReason::Shutdown; }),
       "stopping for the shutdown for 3 s; attempt 7 has not ended"},
      {with(in_state(TaskState::Stopping),
            [](auto& t) {
              t.stop_reason = StopReason::Restart;
              t.hook = HookResult::TimedOut;
            }),
       "stopping for a restart for 3 s; attempt 7 has not ended; its hook did not return in time"},
      {in_state(TaskState::Stopping), "stopping for 3 s; attempt 7 has not ended"},
      {with(in_state(TaskState::Straggling, 12s), [](auto& t) { t.stop_reason = StopReason::Requested; }),
       "straggling: attempt 7 was asked to stop on request and did not end in time, 12 s ago"},
      {in_state(TaskState::Completed), "completed 3 s ago: attempt 7 returned"},
      {failed(in_state(TaskState::Failed)),
       "failed 3 s ago: attempt 7 failed with system_error: connection refused; nothing restarts it"},
      {with(failed(in_state(TaskState::GaveUp)), [](auto& t) { t.restarts_used = t.restarts_allowed.emplace(5); }),
       "gave up 3 s ago, its limit reached, after attempt 7 failed with system_error: connection refused; 5 of 5 "
       "restarts used"},
      {with(in_state(TaskState::Stopped),
            [](auto& t) {
              t.stop_reason = StopReason::Requested;
              t.hook = HookResult::Returned;
            }),
       "stopped on request 3 s ago; its hook returned"},
      {with(in_state(TaskState::Stopped), [](auto& t) { t.attempt = 0; }), "stopped 3 s ago, never started"},
      {in_state(static_cast<TaskState>(99)), "in a state that this version does not know"},
  };
  for (const Case& c : cases) EXPECT_EQ(c.task.explain(), c.sentence);
}

TEST(ExplainTest, IsOneLineWhateverTheExceptionSays) {
  TaskSnapshot task = in_state(TaskState::Failed);
  task.last_failure =
      Failure(&typeid(std::runtime_error), "first\nsecond\x1b[2J", nullptr, absl::OkStatus(), now, 1s, 7);
  EXPECT_EQ(task.explain(),
            "failed 3 s ago: attempt 7 failed with runtime_error: first\\nsecond\\x1b[2J; nothing restarts it");
}

TEST(SnapshotTest, FindsATaskByItsName) {
  SupervisorSnapshot snapshot;
  snapshot.tasks = {in_state(TaskState::Running), in_state(TaskState::Waiting)};
  snapshot.tasks[1].name = "sampler";
  EXPECT_EQ(snapshot.find("sampler"), &snapshot.tasks[1]);
  EXPECT_EQ(snapshot.find("uplink"), &snapshot.tasks[0]);
  EXPECT_EQ(snapshot.find("up"), nullptr);
}

TEST(DumpTest, TellsTheWholeAndEachTask) {
  SupervisorSnapshot snapshot;
  snapshot.name = "ingest";
  snapshot.started = true;
  snapshot.tasks = {in_state(TaskState::Running), in_state(TaskState::Completed)};
  snapshot.tasks[0].id = 3;
  snapshot.tasks[1].id = 12;
  snapshot.tasks[1].name = "ingest.cc:42#12";
  snapshot.total_tasks = 1'200;
  snapshot.total_started = 4'000;
  snapshot.total_restarted = 2'800;
  snapshot.total_completed = 1'190;
  snapshot.total_failed = 2'801;
  snapshot.runners = 4;
  snapshot.max_runners = 1024;
  snapshot.captured = 2;
  snapshot.ready = 1;
  std::ostringstream out;
  write_dump(out, snapshot);
  EXPECT_EQ(out.str(),
            "supervisor 'ingest': running; 2 tasks present of 1,200 ever\n"
            "attempts: 4,000 started, 2,800 of them restarts; 1,190 completed, 2,801 failed\n"
            "runners: 4 of at most 1024, 2 captured; 1 job waits\n"
            "  3 uplink: attempt 7 has been running for 3 s\n"
            "  12 ingest.cc:42#12: completed 3 s ago: attempt 7 returned\n");
}

TEST(DumpTest, TellsTroubleOfTheWhole) {
  SupervisorSnapshot snapshot;
  snapshot.waiting = {"a", "b"};
  snapshot.holders = {"c\n"};
  snapshot.undelivered_events = 3;
  snapshot.stopping = true;
  std::ostringstream out;
  write_dump(out, snapshot);
  EXPECT_EQ(out.str(),
            "supervisor: stopping; 0 tasks present of 0 ever\n"
            "attempts: 0 started, 0 of them restarts; 0 completed, 0 failed\n"
            "runners: 0 of at most 0, 0 captured; 0 jobs wait\n"
            "starving: a, b; the runners are held by c\\n\n"
            "events that no observer got: 3\n");
}

}  // namespace
}  // namespace engin
