// The events of one task, or of the supervisor as a whole, on their way to the observers: in order, one at a time.
#ifndef ENGIN_LIB_SUPERVISOR_OUTBOX_H_
#define ENGIN_LIB_SUPERVISOR_OUTBOX_H_

#include <vector>

#include "engin/event.h"
#include "runtime/runtime.h"

namespace engin::detail {

class Task;

/// Guarded by the lock of whom it belongs to. Whoever finds it not `delivering` may deliver, and then delivers until it
/// is empty; whoever finds it so leaves its event to that one. Exists only where somebody observes.
struct Outbox {
  explicit Outbox(const runtime::JobType& type, Task* of = nullptr) noexcept : task(of), job(type) {}

  Task* task;  // null: the supervisor's own
  std::vector<Event> events;
  TimePoint last_time{};
  bool delivering = false;
  bool posted = false;  // the job, to the control runner
  runtime::Job job;
};

}  // namespace engin::detail

#endif  // ENGIN_LIB_SUPERVISOR_OUTBOX_H_
