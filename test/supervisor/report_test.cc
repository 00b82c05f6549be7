#include <chrono>
#include <csignal>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "engin/shutdown_report.h"
#include "supervisor/report_text.h"

namespace engin {
namespace {

using namespace std::chrono_literals;
using Kind = ShutdownCause::Kind;

Failure refused() {
  return Failure(&typeid(std::system_error), "connection refused", nullptr, absl::OkStatus(), {}, 1s, 7);
}

std::string text_of(const ShutdownReport& report) {
  std::ostringstream out;
  out << report;
  return out.str();
}

TEST(ShutdownCauseTest, IsDescribedInOneLine) {
  struct Case {
    ShutdownCause cause;
    std::string text;
  };
  const std::vector<Case> cases = {
      {{}, "requested"},
      {{.reason = "new version\nof it"}, "requested: new version\\nof it"},
      {{.kind = Kind::TaskFailed, .task = 3, .task_name = "uplink", .failure = refused()},
       "task 'uplink' failed: system_error: connection refused"},
      {{.kind = Kind::TaskFailed, .task = 3, .task_name = "uplink"}, "task 'uplink' failed"},
      {{.kind = Kind::Signal, .signal = SIGTERM}, "signal 15 (SIGTERM)"},
      {{.kind = Kind::Signal, .signal = 64}, "signal 64"},
      {{.kind = Kind::LimitReached, .task = 3, .task_name = "uplink", .failure = refused()},
       "task 'uplink' reached its restart limit: system_error: connection refused"},
      {{.kind = Kind::LimitReached,
        .reason = "retry_if refused",
        .task = 3,
        .task_name = "uplink",
        .failure = refused()},
       "task 'uplink' is not restarted (retry_if refused): system_error: connection refused"},
      {{.kind = Kind::TaskReturned, .task = 3, .task_name = "uplink"}, "task 'uplink' returned"},
  };
  for (const Case& c : cases) EXPECT_EQ(c.cause.describe(), c.text);
}

TEST(ShutdownCauseTest, KindsAreCalledAsInTheCode) {
  EXPECT_EQ(testing::PrintToString(Kind::Requested), "Requested");
  EXPECT_EQ(to_string(Kind::TaskFailed), "TaskFailed");
  EXPECT_EQ(to_string(Kind::Signal), "Signal");
  EXPECT_EQ(to_string(Kind::LimitReached), "LimitReached");
  EXPECT_EQ(to_string(Kind::TaskReturned), "TaskReturned");
}

TEST(ShutdownReportTest, CleanAndExitCodeCellByCell) {
  enum class Blemish { None, Straggler, Hook, LateFailure };
  struct Case {
    Kind kind;
    Blemish blemish;
    bool clean;
    int exit_code;
  };
  const std::vector<Case> cases = {
      {Kind::Requested, Blemish::None, true, 0},     {Kind::Requested, Blemish::Straggler, false, 2},
      {Kind::Requested, Blemish::Hook, false, 2},    {Kind::Requested, Blemish::LateFailure, false, 2},
      {Kind::TaskFailed, Blemish::None, false, 1},   {Kind::TaskFailed, Blemish::Straggler, false, 1},
      {Kind::TaskFailed, Blemish::Hook, false, 1},   {Kind::TaskFailed, Blemish::LateFailure, false, 1},
      {Kind::Signal, Blemish::None, true, 0},        {Kind::Signal, Blemish::Straggler, false, 2},
      {Kind::Signal, Blemish::Hook, false, 2},       {Kind::Signal, Blemish::LateFailure, false, 2},
      {Kind::LimitReached, Blemish::None, false, 1}, {Kind::LimitReached, Blemish::Straggler, false, 1},
      {Kind::LimitReached, Blemish::Hook, false, 1}, {Kind::LimitReached, Blemish::LateFailure, false, 1},
      {Kind::TaskReturned, Blemish::None, true, 0},  {Kind::TaskReturned, Blemish::Straggler, false, 2},
      {Kind::TaskReturned, Blemish::Hook, false, 2}, {Kind::TaskReturned, Blemish::LateFailure, false, 2},
  };
  for (const Case& c : cases) {
    ShutdownReport report;
    report.cause.kind = c.kind;
    if (c.blemish == Blemish::Straggler) report.stragglers.push_back({.id = 1, .name = "a", .what = "body"});
    if (c.blemish == Blemish::Hook) report.bad_hooks = 1;
    if (c.blemish == Blemish::LateFailure) report.late_failures = 1;
    EXPECT_EQ(report.clean(), c.clean) << c.kind << static_cast<int>(c.blemish);
    EXPECT_EQ(report.exit_code(), c.exit_code) << c.kind << static_cast<int>(c.blemish);
  }
}

TEST(ShutdownReportTest, WhatWasHandledBeforeDoesNotCount) {
  ShutdownReport report;
  report.total_failed = 12;
  report.tasks_failed = 3;
  report.undelivered_events = 4;
  EXPECT_TRUE(report.clean());
}

TEST(ShutdownReportTest, FindsATaskByItsName) {
  ShutdownReport report;
  report.tasks = {{.id = 1, .name = "a"}, {.id = 2, .name = "b"}};
  EXPECT_EQ(report.find("b"), &report.tasks[1]);
  EXPECT_EQ(report.find("c"), nullptr);
}

TEST(ShutdownReportTest, ACleanOneIsShort) {
  ShutdownReport report;
  report.duration = 120ms;
  report.tasks_total = 4;
  report.tasks_completed = 1;
  report.tasks_stopped = 3;
  report.total_started = 10;
  report.total_restarted = 6;
  report.total_failed = 6;
  report.cause = {.kind = Kind::Signal, .signal = SIGTERM};
  EXPECT_EQ(text_of(report),
            "shutdown took 120 ms and was clean\n"
            "4 tasks: 1 completed, 0 failed, 3 stopped; 10 attempts ever, 6 of them restarts, with 6 failures\n"
            "cause: signal 15 (SIGTERM)");
  EXPECT_EQ(what_was_not_clean(report), "");
}

ShutdownReport a_bad_one() {
  ShutdownReport report;
  report.duration = 25s;
  report.tasks_total = 5;
  report.tasks = {
      {.id = 1, .name = "hung", .state = TaskState::Straggling, .clean = false},
      {.id = 2,
       .name = "flusher",
       .outcome = Outcome::Stopped,
       .hook = HookResult::Failed,
       .hook_duration = 20ms,
       .hook_failure = "runtime_error: disk\nfull",
       .clean = false},
      {.id = 3,
       .name = "slow",
       .outcome = Outcome::Stopped,
       .hook = HookResult::TimedOut,
       .hook_duration = 5s,
       .clean = false},
      {.id = 4,
       .name = "late",
       .outcome = Outcome::Failed,
       .hook = HookResult::NotStarted,
       .failure = refused(),
       .late_failures = 1,
       .clean = false},
      {.id = 9, .name = "uplink", .outcome = Outcome::Failed, .failure = refused()},  // the cause, and not late
      {.id = 5, .name = "fine", .outcome = Outcome::Stopped, .hook = HookResult::Returned, .failure = refused()},
  };
  report.stragglers = {{.id = 1, .name = "hung", .what = "body", .age = 1h},
                       {.id = 0, .name = "observer", .what = "observer", .age = 25s}};
  report.bad_hooks = 3;
  report.late_failures = 1;
  report.undelivered_events = 2;
  report.cause = {.kind = Kind::TaskFailed, .task = 9, .task_name = "uplink", .failure = refused()};
  return report;
}

TEST(ShutdownReportTest, ABadOneNamesTheCulpritsAndTheCauseLast) {
  EXPECT_EQ(text_of(a_bad_one()),
            "shutdown took 25 s and was not clean, exit code 1\n"
            "5 tasks: 0 completed, 0 failed, 0 stopped; 0 attempts ever, 0 of them restarts, with 0 failures\n"
            "late failure: task 'late' failed with system_error: connection refused\n"
            "hook: task 'flusher': its hook failed after 20 ms: runtime_error: disk\\nfull\n"
            "hook: task 'slow': its hook did not return within 5 s\n"
            "hook: task 'late': its hook was not started, since no time was left\n"
            "straggler: task 'hung': its body still runs, after 1 h\n"
            "straggler: observer still runs, after 25 s\n"
            "events that no observer got: 2\n"
            "cause: task 'uplink' failed: system_error: connection refused");
}

TEST(ShutdownReportTest, WhatWasNotCleanFitsOnOneLine) {
  EXPECT_EQ(what_was_not_clean(a_bad_one()),
            "did not end in time: task 'hung' (body), observer; 3 hooks failed, timed out or could not start; "
            "1 attempt failed after shutdown began");
}

TEST(ShutdownReportTest, LongListsDoNotPushTheCauseAway) {
  ShutdownReport report;
  for (TaskId id = 1; id <= 1'000; ++id) {
    report.stragglers.push_back({.id = id, .name = absl::StrCat("t", id), .what = "body", .age = 1s});
  }
  report.bad_hooks = 2'500;  // more than there are entries
  report.late_failures = 1'500;
  const std::string text = text_of(report);
  EXPECT_NE(text.find("straggler: task 't20': its body still runs, after 1 s\n  and 980 more stragglers\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("'t21'"), std::string::npos);
  EXPECT_NE(text.find("\n2,500 hooks that failed, timed out or were not started\n"), std::string::npos);
  EXPECT_NE(text.find("\n1,500 failures after shutdown began\n"), std::string::npos);
  EXPECT_TRUE(text.ends_with("\ncause: requested"));
  EXPECT_NE(what_was_not_clean(report).find("task 't10' (body) and 990 more; "), std::string::npos);
}

}  // namespace
}  // namespace engin
