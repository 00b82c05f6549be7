#include "supervisor/dump.h"

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "supervisor/phrases.h"

namespace engin {

namespace {

std::string_view phase(const SupervisorSnapshot& s) {
  if (s.ended) return "ended";
  if (s.stopping) return "stopping";
  return s.started ? "running" : "not started";
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    if (!text.empty()) text += ", ";
    base::append_one_line(text, name);
  }
  return text;
}

}  // namespace

void write_dump(std::ostream& out, const SupervisorSnapshot& s) {
  out << "supervisor" << (s.name.empty() ? "" : " '" + base::one_line(s.name) + "'") << ": " << phase(s) << "; "
      << count_phrase(s.tasks.size(), "task", "tasks") << " present of " << base::grouped(s.total_tasks) << " ever\n"
      << "attempts: " << base::grouped(s.total_started) << " started, " << base::grouped(s.total_restarted)
      << " of them restarts; " << base::grouped(s.total_completed) << " completed, " << base::grouped(s.total_failed)
      << " failed\n"
      << "runners: " << s.runners << " of at most " << s.max_runners << ", " << s.captured << " captured; "
      << count_phrase(s.ready, "job waits", "jobs wait") << "\n";
  if (!s.waiting.empty())
    out << "starving: " << joined(s.waiting) << "; the runners are held by " << joined(s.holders) << "\n";
  if (s.undelivered_events != 0) out << "events that no observer got: " << base::grouped(s.undelivered_events) << "\n";
  for (const TaskSnapshot& task : s.tasks) {
    out << "  " << task.id << " " << base::one_line(task.name) << ": " << task.explain() << "\n";
  }
}

}  // namespace engin
