// Keeps events for a test.
#ifndef ENGIN_TESTING_RECORDER_H_
#define ENGIN_TESTING_RECORDER_H_

#include <cstddef>
#include <mutex>
#include <string_view>
#include <vector>

#include "engin/detail/export.h"
#include "engin/event.h"

namespace engin::testing {

/// An observer that keeps every event, in the order of arrival.
///
///     auto recorder = std::make_shared<testing::Recorder>();
///     Supervisor s({.observers = {recorder}});
class ENGIN_EXPORT Recorder final : public Observer {
 public:
  void on_event(const Event& event) override;
  /// A copy of all so far.
  std::vector<Event> events() const;
  /// Those of one kind; of one task.
  std::vector<Event> events(EventKind kind) const;
  std::vector<Event> events(std::string_view task) const;
  std::vector<EventKind> kinds(std::string_view task) const;
  std::size_t count(EventKind kind) const;
  void clear();

 private:
  mutable std::mutex mutex_;
  std::vector<Event> events_;
};

}  // namespace engin::testing

#endif  // ENGIN_TESTING_RECORDER_H_
