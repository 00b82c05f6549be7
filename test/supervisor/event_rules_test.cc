// The judge of event logs (test/support/event_rules.h) finds what it is there for.
#include "test/support/event_rules.h"

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engin/event.h"

namespace engin::test {
namespace {

using namespace std::chrono_literals;
using enum EventKind;

Event event(EventKind kind, std::uint64_t attempt = 1, Duration at = 0s) {
  Event e{.kind = kind, .time = TimePoint(1h + at), .task = 1, .task_name = "t", .attempt = attempt};
  if (kind == ShutdownBegan || kind == ShutdownEnded) e.task = 0;
  if (kind == Failed) e.failure = Failure(&typeid(int), "", nullptr, absl::OkStatus(), e.time, 0s, attempt);
  if (kind == StopRequested) e.reason = StopReason::Requested;
  if (kind == HookEnded) e.hook = HookResult::Returned;
  if (kind == HookTimedOut) e.hook = HookResult::TimedOut;
  return e;
}
Event restarts(Event e, Duration delay) {
  e.decision = Decision::Restart;
  e.delay = delay;
  return e;
}
Event scheduled(std::uint64_t attempt, Duration delay) {
  Event e = event(RestartScheduled, attempt);
  e.delay = delay;
  return e;
}
Event with(Event e, void (*change)(Event&)) {
  change(e);
  return e;
}
std::string found(const std::vector<Event>& log, const EventRules& rules = {}) {
  std::string all;
  for (const std::string& what : violations(log, rules)) all += what + "\n";
  return all;
}

TEST(EventRulesTest, ALegalLifeIsLegal) {
  EXPECT_EQ(found({event(Registered, 0), event(AttemptStarted), restarts(event(Failed), 1s), scheduled(1, 1s),
                   event(AttemptStarted, 2, 1s), event(HookStarted, 2, 2s), event(HookEnded, 2, 2s),
                   event(StopRequested, 2, 2s), event(Stopped, 2, 3s), event(ShutdownBegan, 0, 4s),
                   event(ShutdownEnded, 0, 4s)}),
            "");
}

TEST(EventRulesTest, EachRuleFindsItsViolation) {
  const Event r = event(Registered, 0), a = event(AttemptStarted);
  const struct {
    const char* rule;
    std::vector<Event> log;
    EventRules rules = {};
  } cases[] = {
      {"(S1)", {r, a, event(AttemptStarted, 2)}},
      {"(S2)", {r, event(AttemptStarted, 2)}},
      {"(S3)", {r, a, event(HookStarted), event(StopRequested)}},
      {"(S3)", {r, a, event(StopRequested)}, {.hooked = {1}}},
      {"(S3)", {r, a, event(StopRequested), event(HookStarted)}},
      {"(S3)", {r, a, event(HookStarted), event(HookEnded), event(HookStarted)}},
      {"(S3)", {r, a, event(Completed), event(HookStarted, 1, 1s)}},
      {"(S4)", {r, a, event(StopRequested), event(StopRequested)}},
      {"(S5)", {r, event(ShutdownBegan), a}},
      {"(S5)", {r, a, restarts(event(Failed), 1s), event(ShutdownBegan), scheduled(1, 1s)}},
      {"(S6)", {r, a, event(Completed), event(ShutdownBegan), event(ShutdownEnded), event(Ready)}},
      {"(S7)", {event(ShutdownBegan), r}},
      {"(S8)", {r, a, event(Failed), event(AttemptStarted, 2)}},
      {"(S8)", {r, a, restarts(event(Failed), 1s), scheduled(1, 2s)}},
      {"before its announced time", {r, a, restarts(event(Failed), 1s), scheduled(1, 1s), event(AttemptStarted, 2)}},
      {"after its announced time", {r, a, restarts(event(Failed), 1s), scheduled(1, 1s), event(AttemptStarted, 2, 2s)}},
      {"(S8)", {event(ShutdownBegan), event(ShutdownBegan)}},
      {"(S9)", {r, event(AttemptStarted, 1, 1s), event(Completed)}},
      {"(S9)", {r, a, restarts(event(Failed), 1s), event(Ready)}},
      {"lacks RestartScheduled", {r, a, restarts(event(Failed), 1s)}},
      {"first event is not Registered", {a}},
      {"(S11)", {r, a, event(StopRequested), event(Failed)}},
      {"(S11)", {r, a, event(HookStarted), event(HookEnded), event(Completed)}},
      {"(S11)", {r, a, event(Stopped)}},
      {"did not end", {r, a, event(ShutdownBegan), event(ShutdownEnded)}},
      {"from begin to end", {event(ShutdownBegan), event(ShutdownEnded, 0, 1s)}},
      {"from begin to end",
       {event(ShutdownBegan), with(event(ShutdownEnded), [](Event& e) { e.duration = 1s; })},
       {.exact = false}},
      {"without its name", {r, with(a, [](Event& e) { e.task_name.clear(); })}},
      {"what the hook threw",
       {r, a, event(HookStarted), with(event(HookEnded), [](Event& e) { e.hook = HookResult::Failed; })}},
      {"what the hook threw", {r, a, event(HookStarted), with(event(HookEnded), [](Event& e) { e.detail = "int"; })}},
      {"with another result",
       {r, a, event(HookStarted), with(event(HookTimedOut), [](Event& e) { e.hook = HookResult::Failed; })}},
  };
  for (const auto& c : cases) EXPECT_THAT(found(c.log, c.rules), ::testing::HasSubstr(c.rule));
}

TEST(EventRulesTest, CountsThatDifferAreFound) {
  const std::vector<Event> log = {event(Registered, 0), event(AttemptStarted), event(Failed)};
  SupervisorSnapshot totals{.total_tasks = 1, .total_started = 1, .total_failed = 1};
  EXPECT_TRUE(count_violations(log, totals).empty());
  totals.total_failed = 2;
  EXPECT_EQ(count_violations(log, totals).size(), 1u);
  totals.undelivered_events = 1;
  EXPECT_TRUE(count_violations(log, totals).empty());
  totals.total_started = 0;
  EXPECT_EQ(count_violations(log, totals).size(), 1u);
}

}  // namespace
}  // namespace engin::test
