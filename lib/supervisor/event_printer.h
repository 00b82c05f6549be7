// Which events a person sees as lines, and which only as a sum.
#ifndef ENGIN_LIB_SUPERVISOR_EVENT_PRINTER_H_
#define ENGIN_LIB_SUPERVISOR_EVENT_PRINTER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "engin/event.h"
#include "policy/restart_window.h"

namespace engin {

/// Makes lines of events. Not thread-safe; the clock is Event::time.
///
/// What goes well is not told, but for the end of trouble: a task that had failed is ready or completes, or begins anew
/// after a delay of a second or more.
///
/// At most 10 lines within any second per task, and 100 in all, of which 10 are kept for the supervisor's own events. A
/// task that would exceed its share is *condensed*: its failures are only counted, and told once a minute in one line,
/// until a minute had no more than 10 of them. What only the 100 in all leave no room for is counted too, for all tasks
/// together. Sums that are due are told with whatever event comes next, of any task, and the rest when shutdown has
/// ended.
///
/// What it remembers: a number for each task that failed and was not well since; more only for tasks that had a line
/// within the last second (90 at most) or are condensed (at most nine become so within a second, for a minute or as
/// long as they keep failing).
class EventPrinter {
 public:
  /// Appends the lines that are due, each with its line end. Throws std::bad_alloc: the event's own line is then lost.
  void take(const Event& event, std::string& out);
  /// So many lines were made, or should have been, and reached nobody. A later line says so.
  void lost(std::uint64_t lines) noexcept { lost_ += lines; }

  /// For tests: how many tasks are remembered.
  std::size_t remembered() const noexcept { return tasks_.size() + troubled_.size(); }

 private:
  // What was left out, and the latest of it.
  struct Sum {
    std::uint64_t failures = 0;
    std::uint64_t others = 0;
    TimePoint since{};
    TimePoint latest{};
    std::string last;

    bool empty() const noexcept { return failures == 0 && others == 0; }
    void add(const Event& event, std::string text);
    void begin_again(TimePoint now) noexcept;
    std::string when(TimePoint now) const;
  };
  struct Shown {
    policy::RestartWindow lines;
    bool condensed = false;
    Sum sum;
    std::string name;
  };
  struct Trouble {
    std::uint64_t failures = 0;
    bool long_delay = false;
  };

  void take_task_event(const Event& event, std::string& out);
  std::string text_of_good_news(const Event& event);
  bool tell(const Event& event, const std::string& line, std::string& out);
  void tell_sums(const Event& event, bool all, std::string& out);
  bool tell_sum_of_task(const Event& event, Shown& shown, std::string& out);
  void tell_sum_of_rest(const Event& event, std::string& out);
  void tell_lost(const Event& event, std::string& out);

  policy::RestartWindow lines_;
  absl::flat_hash_map<TaskId, std::unique_ptr<Shown>> tasks_;
  absl::flat_hash_map<TaskId, Trouble> troubled_;
  Sum rest_;
  TimePoint next_look_ = TimePoint::min();
  std::uint64_t lost_ = 0;
};

}  // namespace engin

#endif  // ENGIN_LIB_SUPERVISOR_EVENT_PRINTER_H_
