// A coroutine's thread of control: where it stands, what it waits for, and the one job that carries it on.
#ifndef ENGIN_LIB_SUPERVISOR_STRAND_H_
#define ENGIN_LIB_SUPERVISOR_STRAND_H_

#include <coroutine>
#include <cstdint>

#include "engin/co.h"
#include "engin/detail/callable.h"
#include "engin/detail/wait.h"
#include "runtime/runtime.h"

namespace engin::detail {

class Task;

/// One per task body, one per hook. A plain callable's body uses only the job; a periodic one waits on it between calls
/// without a frame.
///
/// At any time one party owns a strand: the ready queue that holds its job, the runner that executes it, or, while it
/// is parked, whoever claims it under the task's lock. What is not marked otherwise belongs to the owner.
class Strand {
 public:
  /// Of the job when it runs next; Over: the root has run to its end.
  enum class Purpose : std::uint8_t { Begin, Resume, Over };

  Strand(Task& task, const JobType& type, runtime::Timer::Fire fire) noexcept : task_(task), job(type), timer(fire) {}
  /// The strand whose job, or timer, this is.
  static Strand& of(runtime::Job& job) noexcept;
  static Strand& of(runtime::Timer& timer) noexcept;

  Task& task() const noexcept { return task_; }

  /// Resumes frames until the root has finished (true), or the strand is parked or in a queue (false: `this` may
  /// already run elsewhere).
  bool run_frames() noexcept;
  /// Begins with a new root.
  void begin(PromiseBase& root) noexcept;
  /// After run_frames() returned true: what came of it; destroys the frame.
  void take_end(RawEnd& end) noexcept;

  void continue_with(std::coroutine_handle<> frame) noexcept { next_ = frame; }
  void finish_root() noexcept { purpose = Purpose::Over; }
  void note(Wait& wait) noexcept { waits_on = &wait; }

 private:
  Task& task_;

 public:
  runtime::Job job;
  runtime::Timer timer;  // armed for the earlier one of the two below; Task::set_timer()

  // Guarded by the task's lock.
  TimePoint wait_due = TimePoint::max();  // what it waits for, or the next attempt
  TimePoint limit = TimePoint::max();     // how long a hook may take, or a stop; before that, the next look at the beat
  std::uint32_t epoch = 0;                // of the latest parking
  bool parked : 1 = false;                // claimable
  bool timer_armed : 1 = false;

  Purpose purpose = Purpose::Begin;
  std::uint16_t cut_short = 0;  // waits in a row that stop ended
  Wait* waits_on = nullptr;     // the lock's while parked; null: a periodic task between calls

 private:
  std::coroutine_handle<> next_;
  PromiseBase* root_ = nullptr;
};

}  // namespace engin::detail

#endif  // ENGIN_LIB_SUPERVISOR_STRAND_H_
