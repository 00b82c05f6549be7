// Each invariant is shown something that must not be: a log, or an end, that lies.
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "test/simulation/checker.h"

namespace engin::simulation {
namespace {

using namespace std::chrono_literals;

Record record(What what, Duration at = 0ms, std::uint64_t attempt = 1) {
  Record r;
  r.what = what;
  r.task = 0;
  r.time = TimePoint(1h) + at;
  r.attempt = attempt;
  return r;
}
Record event(EventKind kind, Duration at = 0ms, std::uint64_t attempt = 1) {
  Record r = record(What::Event, at, attempt);
  r.kind = kind;
  return r;
}
template <class F>
Record with(Record r, F f) {
  f(r);
  return r;
}
Record of_all(Record r) {
  r.task = -1;
  return r;
}
Record failed(Decision decision, Duration delay, Duration at = 0ms, std::uint64_t attempt = 1) {
  return with(event(EventKind::Failed, at, attempt), [&](Record& r) {
    r.decision = decision;
    r.delay = delay;
    r.bad = true;
  });
}
Record bad_leave(Duration at = 0ms, std::uint64_t attempt = 1) {
  return with(record(What::Leave, at, attempt), [](Record& r) { r.bad = true; });
}
Record seen(TaskState state, std::uint64_t started, Duration at = 0ms) {
  return with(record(What::Seen, at), [&](Record& r) {
    r.state = state;
    r.started = started;
  });
}
Record baseline(TaskState state, std::uint64_t started) {
  return with(record(What::Baseline), [&](Record& r) {
    r.state = state;
    r.started = started;
  });
}
Record report(Duration at, Duration took, bool bad = true) {
  return with(of_all(record(What::ReportSeen, at)), [&](Record& r) {
    r.delay = took;
    r.bad = bad;
  });
}
Record stop_end(StopResult result, TaskState before, Duration at = 0ms) {
  return with(record(What::StopEnd, at), [&](Record& r) {
    r.value = static_cast<int>(result);
    r.state = before;
    r.due = TimePoint(1h);
  });
}

struct Lie {
  const char* name;
  const char* invariant;
  std::vector<Record> log;
  std::function<void(Scenario&)> plan = [](Scenario&) {};
  std::function<void(Final&)> end = [](Final&) {};
};
void PrintTo(const Lie& lie, std::ostream* out) { *out << lie.name; }

const auto shutdown = of_all(record(What::ShutdownSeen));
const auto enters = record(What::Enter);
const auto leaves = record(What::Leave);
const auto registered = event(EventKind::Registered);
const auto starts = event(EventKind::AttemptStarted);
const auto retry = [](Scenario& s) {
  s.tasks[0].options.on_exception = OnException::Retry;
  s.tasks[0].options.backoff = Backoff::constant(10ms);
};
const auto limited = [](Scenario& s) {
  retry(s);
  s.tasks[0].options.restart_limit = {.max_restarts = 1, .window = 1s, .then = OnLimit::GiveUp};
};
const auto ignore = [](Scenario& s) { s.tasks[0].options.on_exception = OnException::Ignore; };
const auto hooked = [](Scenario& s) { s.tasks[0].hook.present = true; };
const auto hooked_in_reverse = [](Scenario& s) {
  s.stop_order = StopOrder::Reverse;
  s.tasks.resize(2);
  for (TaskPlan& p : s.tasks) p.hook.present = true;
};
Record second(Record r) {
  r.task = 1;
  return r;
}
const auto complete = [](Final& f) { f.complete_log = f.has_totals = true; };

const std::vector<Lie>& lies() {
  static const std::vector<Lie> list = {
      {"TwoAttemptsAtOnce", "S1", {enters, record(What::Enter, 0ms, 2)}},
      {"AnAttemptThatNeverEnds", "S1", {enters}},
      {"AnAttemptSkipped", "S2", {enters, leaves, record(What::Enter, 0ms, 3)}},
      {"AnAttemptTwice", "S2", {enters, leaves, enters}},
      {"OneRestartTooMany", "S2", {failed(Decision::Restart, 10ms), failed(Decision::Restart, 10ms, 10ms, 2)}, limited},
      {"OneRestartTooFew", "S2", {failed(Decision::GiveUp, 0ms)}, limited},
      {"MoreCountedThanRan",
       "S2",
       {enters, leaves},
       retry,
       [](Final& f) { f.tasks[0] = {true, 2, 0, 1, TaskState::Completed, true, false}; }},
      {"RestartsMiscounted",
       "S2",
       {enters, leaves},
       retry,
       [](Final& f) { f.tasks[0] = {true, 1, 0, 1, TaskState::Completed, true, false}; }},
      {"AHookTwice", "S3", {record(What::HookEnter), record(What::HookLeave), record(What::HookEnter)}, hooked},
      {"AHookForgottenAtShutdown", "S3", {shutdown, baseline(TaskState::Backoff, 1)}, hooked},
      {"AHookForgottenByStop", "S3", {stop_end(StopResult::Stopped, TaskState::Running)}, hooked},
      {"StopBeforeTheHook",
       "S3",
       {with(record(What::TokenFired), [](Record& r) { r.reason = StopReason::Requested; })},
       hooked},
      {"StopWhileTheHookRuns",
       "S3",
       {record(What::HookEnter), with(record(What::TokenFired), [](Record& r) { r.reason = StopReason::Requested; })},
       hooked},
      {"StopToldBeforeTheHooksEnd",
       "S3",
       {event(EventKind::HookStarted),
        with(event(EventKind::StopRequested), [](Record& r) { r.reason = StopReason::Shutdown; })},
       hooked},
      {"ReverseInTheWrongOrder",
       "S3",
       {shutdown, baseline(TaskState::Running, 1), second(baseline(TaskState::Running, 1)), record(What::HookEnter)},
       hooked_in_reverse},
      {"ReverseTwoAtOnce",
       "S3",
       {shutdown, baseline(TaskState::Running, 1), second(baseline(TaskState::Running, 1)),
        second(record(What::HookEnter)), record(What::HookEnter, 100ms)},
       hooked_in_reverse},
      {"ATokenTwice", "S4", {record(What::TokenFired), record(What::TokenFired)}},
      {"ATokenTakenBack", "S4", {record(What::TokenFired), record(What::TokenLost)}},
      {"StopToldTwice", "S4", {starts, event(EventKind::StopRequested), event(EventKind::StopRequested)}},
      {"AStartAfterShutdownBegan", "S5", {shutdown, baseline(TaskState::Backoff, 0), enters, leaves}},
      {"AStartCountedAfterShutdownBegan",
       "S5",
       {shutdown, baseline(TaskState::Backoff, 1), seen(TaskState::Running, 2)}},
      {"AStartAfterStopReturned", "S5", {stop_end(StopResult::Stopped, TaskState::Backoff), enters, leaves}},
      {"ARestartAfterShutdownBegan", "S5", {shutdown, failed(Decision::Restart, 10ms, 5ms)}, retry},
      {"ATimerLeft", "S5", {of_all(record(What::Gone))}, retry, [](Final& f) { f.pending_timers = 1; }},
      {"AnObserverAfterACleanReport", "S6", {report(0ms, 0ms, false), event(EventKind::Stopped)}},
      {"AnObserverAfterTheDestructor", "S6", {of_all(record(What::Gone)), event(EventKind::StragglerEnded)}},
      {"AHookAfterACleanReport", "S6", {report(0ms, 0ms, false), record(What::HookEnter)}},
      {"AcceptedAfterShutdownBegan", "S7", {shutdown, record(What::SuperviseBegin), record(What::SuperviseEnd)}},
      {"RefusedForNoReason",
       "S7",
       {record(What::SuperviseBegin), record(What::Destroyed),
        with(record(What::SuperviseEnd),
             [](Record& r) {
               r.value = 1;
               r.bad = true;
             })}},
      {"RefusedAndKept",
       "S7",
       {shutdown, record(What::SuperviseBegin), with(record(What::SuperviseEnd), [](Record& r) { r.value = 1; })}},
      {"IgnoreThatRestarts",
       "S8",
       {enters, bad_leave(), record(What::Enter, 0ms, 2), record(What::Leave, 0ms, 2)},
       ignore},
      {"ShutdownTwice", "S8", {of_all(event(EventKind::ShutdownBegan)), of_all(event(EventKind::ShutdownBegan))}},
      {"AnotherCause",
       "S8",
       {shutdown, with(report(0ms, 0ms),
                       [](Record& r) {
                         r.value = 1;
                         r.task = 0;
                       })}},
      {"ARestartTooEarly", "S8", {failed(Decision::Restart, 10ms), event(EventKind::AttemptStarted, 9ms, 2)}, retry},
      {"ARestartTooLate", "S8", {failed(Decision::Restart, 10ms), event(EventKind::AttemptStarted, 11ms, 2)}, retry},
      {"AShutdownThatNeverBegan", "S8", {failed(Decision::Shutdown, 0ms)}},
      {"TwoStartsWithoutAnEnd", "S9", {registered, starts, event(EventKind::AttemptStarted, 0ms, 2)}},
      {"AnEventBeforeRegistered", "S9", {starts}},
      {"EventsBackInTime", "S9", {registered, starts, event(EventKind::Completed, -1ms)}},
      {"AHookThatEndsWithoutABegin", "S9", {registered, event(EventKind::HookEnded)}},
      {"StoppedTwiceInAShutdown",
       "S9",
       {registered, starts, of_all(event(EventKind::ShutdownBegan)), event(EventKind::Stopped, 1ms),
        event(EventKind::Stopped, 2ms)}},
      {"EndedBeforeItBegan", "S9", {of_all(event(EventKind::ShutdownEnded))}},
      {"AStartThatNoEventTold",
       "S9",
       {registered},
       retry,
       [](Final& f) {
         complete(f);
         f.total_started = 1;
       }},
      {"AFailureUncounted", "S10", {enters, bad_leave()}, retry, complete},
      {"AFailureInvented", "S10", {enters, leaves, failed(Decision::Restart, 10ms)}, retry},
      {"AFailureToldAsCompleted", "S10", {enters, bad_leave(), event(EventKind::Completed)}, retry},
      {"FailuresMiscounted", "S10", {enters, bad_leave(), failed(Decision::Restart, 10ms)}, retry, complete},
      {"StoppedToldAsFailed",
       "S11",
       {starts, enters, record(What::TokenFired), bad_leave(), failed(Decision::Restart, 10ms)},
       retry},
      {"StoppedWithoutAStop",
       "S11",
       {starts, event(EventKind::HookStarted), enters, leaves, event(EventKind::Completed)},
       hooked},
      {"UnresponsiveAndNoFailure",
       "S11",
       {starts, with(event(EventKind::StopRequested), [](Record& r) { r.reason = StopReason::Unresponsive; }),
        event(EventKind::Stopped)}},
      {"BackoffThatIsNone", "S12", {failed(Decision::Restart, 10ms), seen(TaskState::Running, 1, 5ms)}, retry},
      {"BackoffWithAnotherEnd", "S12", {failed(Decision::Restart, 10ms), seen(TaskState::Backoff, 1, 5ms)}, retry},
      {"StopThatWaitsForTheBackoff", "S12", {stop_end(StopResult::Stopped, TaskState::Backoff, 10ms)}, retry},
      {"ADelayBesideThePolicy", "T1", {starts, failed(Decision::Restart, 11ms)}, retry},
      {"AShutdownThatWaitsForABackoff", "T2", {shutdown, report(11ms, 11ms)}, retry},
      {"AReportAfterTheDeadline", "L1", {shutdown, report(26s, 26s)}},
      {"AStragglerUnnamed", "L1", {shutdown, enters, report(25s, 25s), leaves}},
      {"AStragglerThatHadEnded", "L1", {enters, leaves, shutdown, record(What::Hung, 25s), report(25s, 25s)}},
      {"AWaitThatCouldNeverEnd", "L1", {record(What::WrongWait)}},
      {"NoRest", "L1", {}, retry, [](Final& f) { f.stuck = true; }},
      {"AnObjectLeft", "M1", {}, retry, [](Final& f) { f.live_objects = 1; }},
      {"AFrameLeft", "M1", {}, retry, [](Final& f) { f.live_frames = 1; }},
      {"AReferenceKept", "M1", {}, retry, [](Final& f) { f.supervisor_kept = true; }},
      {"AnEndedTaskKept", "M1", {}, retry, [](Final& f) { f.tasks[0].ended_without_handle = true; }},
  };
  return list;
}

class LieTest : public ::testing::TestWithParam<Lie> {};

TEST_P(LieTest, IsFound) {
  const Lie& lie = GetParam();
  Scenario scenario;
  scenario.tasks.resize(1);
  scenario.tasks[0].options.name = "t0";
  scenario.tasks[0].scripts.resize(1);
  lie.plan(scenario);
  Checkers checkers = make_checkers();
  std::vector<Finding> findings;
  for (const auto& checker : checkers) checker->begin(scenario, findings);
  for (const Record& r : lie.log) {
    for (const auto& checker : checkers) checker->see(r);
  }
  Final end;
  end.tasks.resize(scenario.tasks.size());
  lie.end(end);
  for (const auto& checker : checkers) checker->finish(end);
  std::string found;
  for (const Finding& f : findings) found += f.invariant + ": " + f.text + "\n";
  EXPECT_NE(found.find(std::string(lie.invariant) + ": "), std::string::npos) << "found only:\n" << found;
}

INSTANTIATE_TEST_SUITE_P(Checkers, LieTest, ::testing::ValuesIn(lies()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace engin::simulation
