#include "engin/event.h"

#include <array>
#include <ostream>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/duration_text.h"
#include "base/enum_text.h"
#include "base/text.h"
#include "supervisor/event_text.h"
#include "supervisor/phrases.h"

namespace engin {

namespace {

using base::duration_text;
using base::one_line;

constexpr std::array event_kinds = std::to_array<std::string_view>(
    {"Registered", "AttemptStarted", "Ready",       "Failed",       "RestartScheduled", "Completed",    "Stopped",
     "GaveUp",     "HookStarted",    "HookEnded",   "HookTimedOut", "StopRequested",    "StopIgnored",  "Unresponsive",
     "Straggler",  "StragglerEnded", "RunnerAdded", "Starvation",   "ShutdownBegan",    "ShutdownEnded"});
static_assert(event_kinds.size() == static_cast<std::size_t>(EventKind::ShutdownEnded) + 1);

constexpr std::array decisions =
    std::to_array<std::string_view>({"None", "Finish", "Restart", "Ignore", "Shutdown", "GiveUp", "CoolDown"});
static_assert(decisions.size() == static_cast<std::size_t>(Decision::CoolDown) + 1);

std::string attempt_text(const Event& e) { return absl::StrCat("attempt ", e.attempt); }

std::string with_detail(std::string text, const Event& e) {
  if (!e.detail.empty()) text += ": " + one_line(e.detail);
  return text;
}

std::string with_reason(std::string text, const Event& e) {
  const std::string_view why = reason_phrase(e.reason);
  if (!why.empty()) text.append(" ").append(why);
  return text;
}

std::string next_attempt_text(Duration delay) {
  return delay > Duration::zero() ? "next attempt in " + duration_text(delay) : "next attempt at once";
}

std::string decision_text(const Event& e) {
  switch (e.decision) {
    case Decision::None:
      break;
    case Decision::Finish:
      return "; it is done";
    case Decision::Restart:
      return "; " + next_attempt_text(e.delay);
    case Decision::Ignore:
      return "; ignored";
    case Decision::Shutdown:
      return "; this shuts the application down";
    case Decision::GiveUp:
      return "; its limit is reached, it stays down";
    case Decision::CoolDown:
      return "; its limit is reached, it rests for " + duration_text(e.delay);
  }
  return {};
}

std::string failed_text(const Event& e) {
  std::string text = attempt_text(e) + " failed";
  if (e.failure) text += " after " + duration_text(e.failure->uptime()) + " with " + failure_phrase(*e.failure);
  return text + decision_text(e);
}

std::string hook_ended_text(const Event& e) {
  switch (e.hook) {
    case HookResult::None:
    case HookResult::Returned:
      break;
    case HookResult::Failed:
      return with_detail("its hook failed after " + duration_text(e.duration), e);
    case HookResult::TimedOut:
      return with_detail("its hook ended too late, after " + duration_text(e.duration), e);
    case HookResult::NotStarted:
      return "its hook was not started, since no time was left";
  }
  return "its hook returned after " + duration_text(e.duration);
}

std::string what_happened(const Event& e) {
  switch (e.kind) {
    case EventKind::Registered:
      return "registered";
    case EventKind::AttemptStarted:
      return attempt_text(e) + " started";
    case EventKind::Ready:
      return attempt_text(e) + " is ready";
    case EventKind::Failed:
      return failed_text(e);
    case EventKind::RestartScheduled:
      return next_attempt_text(e.delay);
    case EventKind::Completed:
      return attempt_text(e) + " completed" + (e.decision == Decision::Finish ? std::string() : decision_text(e));
    case EventKind::Stopped: {
      std::string text = with_reason("stopped", e);
      if (e.failure) text += "; what it threw meanwhile: " + failure_phrase(*e.failure);
      return text;
    }
    case EventKind::GaveUp:
      return "gave up, its limit is reached" + (e.failure ? ": " + failure_phrase(*e.failure) : std::string());
    case EventKind::HookStarted:
      return "its hook started";
    case EventKind::HookEnded:
      return hook_ended_text(e);
    case EventKind::HookTimedOut:
      return "its hook did not return within " + duration_text(e.duration);
    case EventKind::StopRequested:
      return with_reason(attempt_text(e) + " was asked to stop", e);
    case EventKind::StopIgnored:
      return attempt_text(e) + " goes on although stop was requested: 1,000 awaits in a row were cut short";
    case EventKind::Unresponsive:
      return attempt_text(e) + " is unresponsive: no beat for " + duration_text(e.duration);
    case EventKind::Straggler:
      return with_detail(attempt_text(e) + " has not ended " + duration_text(e.duration) + " after stop was requested",
                         e);
    case EventKind::StragglerEnded:
      // `detail` says what it was, if it was not the attempt.
      return (e.detail.empty() ? attempt_text(e) : "its " + one_line(e.detail)) + " ended after all, after " +
             duration_text(e.duration);
    case EventKind::RunnerAdded:
      return "now " + count_phrase(e.count, "runner", "runners");
    case EventKind::Starvation:
      return with_detail(count_phrase(e.count, "job waits", "jobs wait") + " and no runner can be had", e);
    case EventKind::ShutdownBegan:
      return with_detail("shutdown began", e);
    case EventKind::ShutdownEnded:
      return "shutdown ended after " + duration_text(e.duration) +
             (e.detail.empty() ? std::string() : ", not cleanly: " + one_line(e.detail));
  }
  return "an event that this version does not know";
}

}  // namespace

Observer::~Observer() = default;

std::string_view to_string(EventKind kind) noexcept { return base::enum_text(event_kinds, kind); }
std::string_view to_string(Decision decision) noexcept { return base::enum_text(decisions, decision); }
std::ostream& operator<<(std::ostream& out, EventKind kind) { return out << to_string(kind); }
std::ostream& operator<<(std::ostream& out, Decision decision) { return out << to_string(decision); }

std::string event_line(const Event& event) { return event_line(event, what_happened(event)); }

std::string event_line(const Event& event, std::string_view what) {
  std::string line = supervisor_prefix(event.supervisor);
  if (event.task != 0) line += one_line(event.task_name) + ": ";
  return line.append(what);
}

std::string supervisor_prefix(std::string_view name) {
  return name.empty() ? "engin: " : "engin[" + one_line(name) + "]: ";
}

std::ostream& operator<<(std::ostream& out, const Event& event) { return out << event_line(event); }

}  // namespace engin
