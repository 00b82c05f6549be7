#include "supervisor/event_printer.h"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/duration_text.h"
#include "base/text.h"
#include "engin/restart_limit.h"
#include "supervisor/event_text.h"
#include "supervisor/phrases.h"

namespace engin {

namespace {

constexpr Duration second = std::chrono::seconds(1);
constexpr Duration minute = std::chrono::minutes(1);

constexpr std::uint64_t most_of_task = 10;
constexpr std::uint64_t most_of_all = 100;
constexpr std::uint64_t most_of_tasks = 90;  // together; the rest is for the supervisor's own events
constexpr RestartLimit share_of_task{.max_restarts = most_of_task, .window = second};
constexpr RestartLimit share_of_all{.max_restarts = most_of_all, .window = second};

// A reason or a list of holders may be as long as it likes. 4096 bytes are written to a pipe in one piece.
constexpr std::size_t longest_line = 4000;

enum class Interest : std::uint8_t { None, Trouble, GoodNews };

Interest interest_of(const Event& e) noexcept {
  switch (e.kind) {
    case EventKind::Failed:
    case EventKind::GaveUp:
    case EventKind::HookTimedOut:
    case EventKind::StopIgnored:
    case EventKind::Unresponsive:
    case EventKind::Straggler:
    case EventKind::StragglerEnded:
    case EventKind::Starvation:
    case EventKind::ShutdownBegan:
      return Interest::Trouble;
    case EventKind::HookEnded:
      return e.hook == HookResult::Returned || e.hook == HookResult::None ? Interest::None : Interest::Trouble;
    case EventKind::ShutdownEnded:
      return e.detail.empty() ? Interest::None : Interest::Trouble;
    case EventKind::AttemptStarted:
    case EventKind::Ready:
    case EventKind::Completed:
      return Interest::GoodNews;
    case EventKind::Registered:
    case EventKind::RestartScheduled:
    case EventKind::Stopped:
    case EventKind::HookStarted:
    case EventKind::StopRequested:
    case EventKind::RunnerAdded:
      return Interest::None;
  }
  return Interest::None;
}

void append_line(std::string& out, std::string_view line) {
  const std::string_view cut = base::cut_utf8(line, longest_line);
  out.reserve(out.size() + cut.size() + 4);  // all or nothing
  out.append(cut).append(cut.size() < line.size() ? "...\n" : "\n");
}

}  // namespace

void EventPrinter::take(const Event& event, std::string& out) {
  const bool last = event.kind == EventKind::ShutdownEnded;
  tell_sums(event, last, out);
  tell_lost(event, out);
  if (event.task != 0) {
    take_task_event(event, out);
  } else if (interest_of(event) != Interest::None && lines_.allow(event.time, share_of_all)) {
    append_line(out, event_line(event));
  }
}

void EventPrinter::take_task_event(const Event& event, std::string& out) {
  switch (interest_of(event)) {
    case Interest::None:
      // Stopped: whatever trouble it had, it has no more.
      if (event.kind == EventKind::Stopped) troubled_.erase(event.task);
      return;
    case Interest::GoodNews: {
      const std::string line = text_of_good_news(event);
      if (!line.empty()) tell(event, line, out);
      return;
    }
    case Interest::Trouble:
      break;
  }
  if (event.kind == EventKind::Failed) {
    if (event.decision == Decision::Restart || event.decision == Decision::CoolDown) {
      Trouble& trouble = troubled_[event.task];
      ++trouble.failures;
      trouble.long_delay = event.delay >= second;
    } else {
      troubled_.erase(event.task);
    }
  }
  tell(event, {}, out);
}

// What ends a trouble; empty if there was none.
std::string EventPrinter::text_of_good_news(const Event& event) {
  const auto found = troubled_.find(event.task);
  if (found == troubled_.end()) return {};
  if (event.kind == EventKind::AttemptStarted) {
    return std::exchange(found->second.long_delay, false) ? event_line(event) : std::string();
  }
  std::string line = event_line(event) + ", after " + count_phrase(found->second.failures, "failure", "failures");
  troubled_.erase(found);
  return line;
}

// Appends a line for the event (`line`, or the usual one if that is empty), or adds it to a sum.
bool EventPrinter::tell(const Event& event, const std::string& line, std::string& out) {
  const auto found = tasks_.find(event.task);
  Shown* shown = found != tasks_.end() ? found->second.get() : nullptr;
  const bool good_news = !line.empty();
  const auto failure_text = [&] { return event.failure ? failure_phrase(*event.failure) : std::string(); };

  if (shown != nullptr && !shown->condensed && shown->lines.used(event.time) >= most_of_task) {
    shown->condensed = true;
    shown->sum.begin_again(event.time);
  }
  if (shown != nullptr && shown->condensed) {
    if (good_news) return false;  // in a storm it is none
    const bool always_summed = event.kind == EventKind::Failed;
    if (always_summed || shown->lines.used(event.time) >= most_of_task) {
      shown->sum.add(event, failure_text());
      return false;
    }
  }
  if (lines_.used(event.time) >= most_of_tasks) {
    if (good_news) return false;
    if (rest_.empty()) rest_.begin_again(event.time);
    const std::string text = failure_text();
    rest_.add(event, text.empty() ? text : base::one_line(event.task_name) + ": " + text);
    return false;
  }
  if (shown == nullptr) {
    auto made = std::make_unique<Shown>();
    made->name = event.task_name;
    shown = tasks_.emplace(event.task, std::move(made)).first->second.get();
  }
  append_line(out, good_news ? line : event_line(event));
  shown->lines.allow(event.time, share_of_task);
  lines_.allow(event.time, share_of_all);
  return true;
}

// Looks once a second for sums that are due, and forgets tasks of which nothing is left to know.
void EventPrinter::tell_sums(const Event& event, bool all, std::string& out) {
  if (event.time < next_look_ && !all) return;
  next_look_ = detail::saturating_add(event.time, second);
  for (auto it = tasks_.begin(); it != tasks_.end();) {
    Shown& shown = *it->second;
    bool keep = shown.condensed || shown.lines.used(event.time) > 0;
    if (shown.condensed && (all || event.time - shown.sum.since >= minute)) {
      keep = !tell_sum_of_task(event, shown, out) || shown.condensed || shown.lines.used(event.time) > 0;
    }
    if (keep) {
      ++it;
    } else {
      tasks_.erase(it++);
    }
  }
  if (!rest_.empty() && (all || event.time - rest_.since >= minute)) tell_sum_of_rest(event, out);
}

// False if there is no room now: then it is told later.
bool EventPrinter::tell_sum_of_task(const Event& event, Shown& shown, std::string& out) {
  if (!shown.sum.empty()) {
    if (lines_.used(event.time) >= most_of_tasks || shown.lines.used(event.time) >= most_of_task) return false;
    std::string line = supervisor_prefix(event.supervisor) + base::one_line(shown.name) + ": ";
    if (shown.sum.failures > 0) {
      absl::StrAppend(&line, "failed ", count_phrase(shown.sum.failures, "time", "times"), " ",
                      shown.sum.when(event.time));
      if (!shown.sum.last.empty()) line += ", last: " + shown.sum.last;
      if (shown.sum.others > 0)
        line += "; " + count_phrase(shown.sum.others, "other event", "other events") + " left out";
    } else {
      line += count_phrase(shown.sum.others, "event", "events") + " left out " + shown.sum.when(event.time);
    }
    append_line(out, line);
    shown.lines.allow(event.time, share_of_task);
    lines_.allow(event.time, share_of_all);
  }
  shown.condensed = shown.sum.failures > most_of_task;
  shown.sum.begin_again(event.time);
  return true;
}

void EventPrinter::tell_sum_of_rest(const Event& event, std::string& out) {
  if (!lines_.allow(event.time, share_of_all)) return;
  std::string line = supervisor_prefix(event.supervisor) + "left out, since there was too much to tell: " +
                     count_phrase(rest_.failures, "failure", "failures") + " and " +
                     count_phrase(rest_.others, "other event", "other events") + " of tasks " + rest_.when(event.time);
  if (!rest_.last.empty()) line += ", last: " + rest_.last;
  append_line(out, line);
  rest_.begin_again(event.time);
}

void EventPrinter::tell_lost(const Event& event, std::string& out) {
  if (lost_ == 0 || !lines_.allow(event.time, share_of_all)) return;
  append_line(out, supervisor_prefix(event.supervisor) + count_phrase(lost_, "line was", "lines were") +
                       " lost: there was no memory, or nobody read them");
  lost_ = 0;
}

void EventPrinter::Sum::add(const Event& event, std::string text) {
  ++(event.kind == EventKind::Failed ? failures : others);
  latest = event.time;
  if (!text.empty()) last = std::move(text);
}

void EventPrinter::Sum::begin_again(TimePoint now) noexcept {
  failures = 0;
  others = 0;
  since = now;
  latest = now;
  last.clear();
}

std::string EventPrinter::Sum::when(TimePoint now) const {
  constexpr Duration lately = std::chrono::seconds(5);
  if (now - latest > lately) {
    return "within " + base::duration_text(latest - since) + ", until " + base::duration_text(now - latest) + " ago";
  }
  const std::string so_long = base::duration_text(now - since);
  return "in the last " + (so_long.starts_with("1 min") && now - since < minute + lately ? "minute" : so_long);
}

}  // namespace engin
