#include "engin/testing/recorder.h"

#include <algorithm>
#include <iterator>
#include <mutex>
#include <string_view>
#include <vector>

namespace engin::testing {

void Recorder::on_event(const Event& event) {
  const std::lock_guard lock(mutex_);
  events_.push_back(event);
}

std::vector<Event> Recorder::events() const {
  const std::lock_guard lock(mutex_);
  return events_;
}

std::vector<Event> Recorder::events(EventKind kind) const {
  const std::lock_guard lock(mutex_);
  std::vector<Event> chosen;
  std::copy_if(events_.begin(), events_.end(), std::back_inserter(chosen),
               [&](const Event& event) { return event.kind == kind; });
  return chosen;
}

std::vector<Event> Recorder::events(std::string_view task) const {
  const std::lock_guard lock(mutex_);
  std::vector<Event> chosen;
  std::copy_if(events_.begin(), events_.end(), std::back_inserter(chosen),
               [&](const Event& event) { return event.task != 0 && event.task_name == task; });
  return chosen;
}

std::vector<EventKind> Recorder::kinds(std::string_view task) const {
  const std::lock_guard lock(mutex_);
  std::vector<EventKind> chosen;
  for (const Event& event : events_) {
    if (event.task != 0 && event.task_name == task) chosen.push_back(event.kind);
  }
  return chosen;
}

std::size_t Recorder::count(EventKind kind) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(
      std::count_if(events_.begin(), events_.end(), [&](const Event& event) { return event.kind == kind; }));
}

void Recorder::clear() {
  std::vector<Event> dropped;  // its exceptions' destructors are user code, which runs without the lock
  const std::lock_guard lock(mutex_);
  events_.swap(dropped);
}

}  // namespace engin::testing
