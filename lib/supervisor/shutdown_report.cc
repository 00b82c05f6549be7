#include "engin/shutdown_report.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <ostream>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/duration_text.h"
#include "base/enum_text.h"
#include "base/text.h"
#include "supervisor/phrases.h"
#include "supervisor/report_text.h"

namespace engin {

namespace {

using base::duration_text;
using base::one_line;

constexpr std::array cause_kinds =
    std::to_array<std::string_view>({"Requested", "TaskFailed", "Signal", "LimitReached", "TaskReturned"});
static_assert(cause_kinds.size() == static_cast<std::size_t>(ShutdownCause::Kind::TaskReturned) + 1);

std::string_view signal_name(int signal) noexcept {
  switch (signal) {
    case SIGTERM:
      return "SIGTERM";
    case SIGINT:
      return "SIGINT";
#if defined(SIGHUP)
    case SIGHUP:
      return "SIGHUP";
    case SIGQUIT:
      return "SIGQUIT";
    case SIGUSR1:
      return "SIGUSR1";
    case SIGUSR2:
      return "SIGUSR2";
#endif
    default:
      return {};
  }
}

std::string task_text(std::string_view name) { return absl::StrCat("task '", one_line(name), "'"); }

std::string with_failure(std::string text, const std::optional<Failure>& failure) {
  if (failure) text += ": " + failure_phrase(*failure);
  return text;
}

bool was_asked(ShutdownCause::Kind kind) noexcept {
  return kind == ShutdownCause::Kind::Requested || kind == ShutdownCause::Kind::Signal ||
         kind == ShutdownCause::Kind::TaskReturned;
}

bool is_bad(HookResult hook) noexcept {
  return hook == HookResult::Failed || hook == HookResult::TimedOut || hook == HookResult::NotStarted;
}

// User code that belongs to no task may hang too: an observer, a stop callback.
bool is_of_task(const Straggler& straggler) noexcept { return straggler.id != 0; }

std::string hook_line(const ShutdownTask& task) {
  std::string text = task_text(task.name) + ": its hook ";
  switch (task.hook) {
    case HookResult::None:
    case HookResult::Returned:
      return text + "returned";
    case HookResult::Failed:
      text += "failed after " + duration_text(task.hook_duration);
      return task.hook_failure.empty() ? text : text + ": " + one_line(task.hook_failure);
    case HookResult::TimedOut:
      return text + "did not return within " + duration_text(task.hook_duration);
    case HookResult::NotStarted:
      return text + "was not started, since no time was left";
  }
  return text;
}

// Lists are cut: a report of a thousand tasks must not push its cause off the screen. The rest is counted.
class Lines {
 public:
  explicit Lines(std::ostream& out) : out_(out) {}
  void add(std::string_view line) {
    if (++seen_ <= most) out_ << line << "\n";
  }
  /// `total`: how many there are, listed or not.
  void end(std::uint64_t total, std::string_view one, std::string_view many) {
    const std::uint64_t shown = std::min<std::uint64_t>(seen_, most);
    if (total <= shown) return;
    if (shown == 0) {
      out_ << count_phrase(total, one, many) << "\n";
    } else {
      out_ << "  and "
           << count_phrase(total - shown, std::string("more ").append(one), std::string("more ").append(many)) << "\n";
    }
  }
  std::uint64_t seen() const noexcept { return seen_; }

 private:
  static constexpr std::uint64_t most = 20;
  std::ostream& out_;
  std::uint64_t seen_ = 0;
};

void write_stragglers(std::ostream& out, const ShutdownReport& report) {
  Lines lines(out);
  for (const Straggler& s : report.stragglers) {
    const std::string who = is_of_task(s) ? task_text(s.name) + ": its " + one_line(s.what) : one_line(s.name);
    lines.add("straggler: " + who + " still runs, after " + duration_text(s.age));
  }
  lines.end(lines.seen(), "straggler", "stragglers");
}

void write_hooks(std::ostream& out, const ShutdownReport& report) {
  Lines lines(out);
  for (const ShutdownTask& task : report.tasks) {
    if (is_bad(task.hook)) lines.add("hook: " + hook_line(task));
  }
  lines.end(std::max(lines.seen(), report.bad_hooks), "hook that failed, timed out or was not started",
            "hooks that failed, timed out or were not started");
}

void write_late_failures(std::ostream& out, const ShutdownReport& report) {
  Lines lines(out);
  for (const ShutdownTask& task : report.tasks) {
    if (task.late_failures > 0 && task.failure) {
      lines.add("late failure: " + task_text(task.name) + " failed with " + failure_phrase(*task.failure));
    }
  }
  lines.end(std::max(lines.seen(), report.late_failures), "failure after shutdown began",
            "failures after shutdown began");
}

std::string totals(const ShutdownReport& r) {
  return absl::StrCat(count_phrase(r.tasks_total, "task", "tasks"), ": ", base::grouped(r.tasks_completed),
                      " completed, ", base::grouped(r.tasks_failed), " failed, ", base::grouped(r.tasks_stopped),
                      " stopped; ", count_phrase(r.total_started, "attempt", "attempts"), " ever, ",
                      base::grouped(r.total_restarted), " of them restarts, with ",
                      count_phrase(r.total_failed, "failure", "failures"));
}

}  // namespace

std::string ShutdownCause::describe() const {
  switch (kind) {
    case Kind::Requested:
      return reason.empty() ? "requested" : "requested: " + one_line(reason);
    case Kind::TaskFailed:
      return with_failure(task_text(task_name) + " failed", failure);
    case Kind::Signal: {
      const std::string_view name = signal_name(signal);
      std::string text = absl::StrCat("signal ", signal);
      if (!name.empty()) text.append(" (").append(name).append(")");
      return text;
    }
    case Kind::LimitReached:
      // The reason says so if it was retry_if that refused.
      return with_failure(task_text(task_name) + (reason.empty() ? " reached its restart limit"
                                                                 : " is not restarted (" + one_line(reason) + ")"),
                          failure);
    case Kind::TaskReturned:
      return task_text(task_name) + " returned";
  }
  return "unknown";
}

bool ShutdownReport::clean() const noexcept {
  return was_asked(cause.kind) && stragglers.empty() && bad_hooks == 0 && late_failures == 0;
}

int ShutdownReport::exit_code() const noexcept {
  if (clean()) return 0;
  return was_asked(cause.kind) ? 2 : 1;
}

const ShutdownTask* ShutdownReport::find(std::string_view task) const noexcept {
  const auto found = std::find_if(tasks.begin(), tasks.end(), [&](const ShutdownTask& t) { return t.name == task; });
  return found != tasks.end() ? &*found : nullptr;
}

std::string what_was_not_clean(const ShutdownReport& report) {
  std::string text;
  const auto add = [&](const std::string& part) {
    if (!text.empty()) text += "; ";
    text += part;
  };
  if (!report.stragglers.empty()) {
    constexpr std::size_t most = 10;
    std::string names;
    for (std::size_t i = 0; i < std::min(most, report.stragglers.size()); ++i) {
      const Straggler& s = report.stragglers[i];
      if (i > 0) names += ", ";
      names += is_of_task(s) ? task_text(s.name) + " (" + one_line(s.what) + ")" : one_line(s.name);
    }
    if (report.stragglers.size() > most) {
      absl::StrAppend(&names, " and ", base::grouped(report.stragglers.size() - most), " more");
    }
    add("did not end in time: " + names);
  }
  if (report.bad_hooks > 0) {
    add(count_phrase(report.bad_hooks, "hook", "hooks") + " failed, timed out or could not start");
  }
  if (report.late_failures > 0) {
    add(count_phrase(report.late_failures, "attempt", "attempts") + " failed after shutdown began");
  }
  return text;
}

std::string_view to_string(ShutdownCause::Kind kind) noexcept { return base::enum_text(cause_kinds, kind); }
std::ostream& operator<<(std::ostream& out, ShutdownCause::Kind kind) { return out << to_string(kind); }

std::ostream& operator<<(std::ostream& out, const ShutdownReport& report) {
  out << "shutdown took " << duration_text(report.duration) << " and was "
      << (report.clean() ? "clean" : absl::StrCat("not clean, exit code ", report.exit_code())) << "\n"
      << totals(report) << "\n";
  write_late_failures(out, report);
  write_hooks(out, report);
  write_stragglers(out, report);
  if (report.undelivered_events > 0) {
    out << "events that no observer got: " << base::grouped(report.undelivered_events) << "\n";
  }
  return out << "cause: " << report.cause.describe();
}

}  // namespace engin
