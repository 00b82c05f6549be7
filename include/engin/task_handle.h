// The remote control of one task.
#ifndef ENGIN_TASK_HANDLE_H_
#define ENGIN_TASK_HANDLE_H_

#include <optional>
#include <string>
#include <utility>

#include "engin/detail/export.h"
#include "engin/detail/time.h"
#include "engin/outcome.h"
#include "engin/snapshot.h"
#include "engin/task_state.h"

namespace engin {

namespace detail {
class Task;
class Core;
}  // namespace detail

/// Cheap to copy, does nothing when dropped, safe after the supervisor is gone. A default-constructed one refers to no
/// task: it reads as an ended one that was removed. Every function may be called from any thread, also from inside the
/// task, a hook or an observer, except those that wait for the very task they are called in (WouldDeadlock).
///
/// Where two calls contradict each other the last one wins: stop() cancels a restart() that has not started yet, and
/// restart() brings back what stop() took down. None throws for the state it finds; docs/concepts/supervision.md has
/// the table.
class ENGIN_EXPORT TaskHandle {
 public:
  TaskHandle() noexcept = default;
  TaskHandle(const TaskHandle&) noexcept;
  TaskHandle(TaskHandle&&) noexcept;
  TaskHandle& operator=(TaskHandle) noexcept;
  ~TaskHandle();

  /// False for a default-constructed or moved-from handle.
  explicit operator bool() const noexcept { return task_ != nullptr; }

  TaskId id() const noexcept;
  std::string name() const;
  TaskState state() const noexcept;
  TaskSnapshot snapshot() const;

  /// Begins the task's last stop and returns at once: hook, then the request of stop. Posts; runs no user code.
  void request_stop() const noexcept;
  /// request_stop(), then waits until the task has ended, at most `timeout`. Without a timeout: until it has ended or
  /// is a straggler. After it returned Stopped or AlreadyEnded, no attempt starts until restart().
  template <class Rep, class Period>
  StopResult stop(std::chrono::duration<Rep, Period> timeout) const {
    return stop_within(detail::saturate(timeout));
  }
  StopResult stop() const;

  /// A new attempt, now: from backoff at once (not counted), of an ended task as attempt n+1, of a live one by stopping
  /// the attempt (without its hook) and starting again, delays reset. Does not block. Of a periodic task: the next call
  /// comes now. What the attempt of a stopped task threw is destroyed on the calling thread.
  RestartResult restart() const;

  /// Forgets an ended task: its record, its name, its callable. False if it has not ended.
  bool remove() const;

  /// Waits until the current attempt called this_task::ready(); false on timeout, or when the task ended.
  template <class Rep, class Period>
  bool wait_ready(std::chrono::duration<Rep, Period> timeout) const {
    return wait_ready_within(detail::saturate(timeout));
  }

  /// Waits until the task has ended.
  Outcome wait() const;
  /// The same, at most `timeout`; nothing on timeout.
  template <class Rep, class Period>
  std::optional<Outcome> wait_for(std::chrono::duration<Rep, Period> timeout) const {
    return wait_within(detail::saturate(timeout));
  }

  friend bool operator==(const TaskHandle& a, const TaskHandle& b) noexcept { return a.task_ == b.task_; }

 private:
  friend class detail::Core;
  friend class ScopedTask;
  explicit TaskHandle(detail::Task* task) noexcept;
  StopResult stop_within(Duration timeout) const;
  bool wait_ready_within(Duration timeout) const;
  std::optional<Outcome> wait_within(Duration timeout) const;
  void remove_and_wait() const;

  detail::Task* task_ = nullptr;
};

/// Owns a task of somebody else's Supervisor, as a std::jthread owns its thread: its destructor stops the task, waits
/// until it has ended, removes it, and waits until its callable and all that this captured is destroyed (on a runner;
/// before the start, on this thread).
/// For a member whose callable uses its neighbours: declare it last.
///
///     class Poller {
///       Cache cache_;
///       engin::ScopedTask task_;  // last: gone before the cache is
///      public:
///       explicit Poller(engin::Supervisor& s) : task_(s.supervise([this](std::stop_token t) { poll(cache_, t); })) {}
///     };
///
/// The destructor waits for as long as the task takes: returning while it runs would leave it with destroyed members.
/// After the task's stop timeout the supervisor reports it as a straggler meanwhile. Destroyed inside the task itself
/// it cannot wait: that ends the process with a line that names the task.
class ENGIN_EXPORT ScopedTask {
 public:
  ScopedTask() noexcept = default;
  explicit ScopedTask(TaskHandle handle) noexcept : handle_(std::move(handle)) {}
  ScopedTask(ScopedTask&& other) noexcept : handle_(std::exchange(other.handle_, TaskHandle())) {}
  ScopedTask& operator=(ScopedTask&& other) noexcept;
  ~ScopedTask();

  const TaskHandle& handle() const noexcept { return handle_; }
  const TaskHandle* operator->() const noexcept { return &handle_; }
  TaskHandle* operator->() noexcept { return &handle_; }
  /// Lets go of the task without stopping it.
  TaskHandle release() noexcept { return std::exchange(handle_, TaskHandle()); }

 private:
  void end() noexcept;
  TaskHandle handle_;
};

}  // namespace engin

#endif  // ENGIN_TASK_HANDLE_H_
