// The supervisor: runs callables, watches them, restarts the ones that fail, takes all of them down in order.
// This header brings all that one needs without the host (engin.h).
#ifndef ENGIN_SUPERVISOR_H_
#define ENGIN_SUPERVISOR_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <source_location>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "engin/backoff.h"
#include "engin/blocking.h"
#include "engin/co.h"
#include "engin/detail/callable.h"
#include "engin/detail/export.h"
#include "engin/detail/time.h"
#include "engin/errors.h"
#include "engin/event.h"
#include "engin/every.h"
#include "engin/failure.h"
#include "engin/hook.h"
#include "engin/observers.h"
#include "engin/outcome.h"
#include "engin/restart_limit.h"
#include "engin/shutdown_report.h"
#include "engin/sleep.h"
#include "engin/snapshot.h"
#include "engin/suspend.h"
#include "engin/task_handle.h"
#include "engin/task_options.h"
#include "engin/task_state.h"
#include "engin/this_task.h"
#include "engin/wakeup.h"

namespace engin {

namespace runtime {
class Runtime;
}
namespace testing {
class VirtualRuntime;
}

/// In which order tasks are taken down.
enum class StopOrder : std::uint8_t {
  Together,  ///< all hooks at the same time, each task asked to stop when its own hook is over
  Reverse,   ///< one task after the other, the last registered first: hook, stop, await, next
};

/// What the Supervisor's destructor does while user code still runs that did not end in time.
enum class OnStraggler : std::uint8_t {
  Wait,     ///< waits for it, naming it every 5 s
  Exit,     ///< prints who it is and ends the process with the report's exit code
  Abandon,  ///< leaves it running, with the threads it needs; they end after it. For callables that own all they touch
};

/// What drives a supervisor: threads and the monotonic clock (the default), or a testing::VirtualRuntime, which must
/// outlive it.
class RuntimeRef {
 public:
  RuntimeRef() noexcept = default;
  RuntimeRef(testing::VirtualRuntime& world) noexcept : world_(&world) {}  // NOLINT(google-explicit-constructor)
  testing::VirtualRuntime* world() const noexcept { return world_; }

 private:
  testing::VirtualRuntime* world_ = nullptr;
};

struct SupervisorOptions {
  /// For events and reports.
  std::string name = {};
  /// Threads kept when nothing blocks; default: min(affinity mask, cgroup quota), at least 1. No bound on how many
  /// tasks run.
  std::optional<int> runners = std::nullopt;
  /// The most threads that callables which block can occupy; at most 100,000.
  int max_runners = 1024;
  /// Bytes; 64 KiB to 1 TiB.
  std::size_t runner_stack_size = std::size_t{1} << 20;
  /// For everything, from the moment shutdown begins to the report.
  Duration shutdown_timeout = std::chrono::seconds(25);
  StopOrder stop_order = StopOrder::Together;
  OnStraggler on_straggler = OnStraggler::Wait;
  std::vector<std::shared_ptr<Observer>> observers = {};
  /// Writes what a person must see to standard error.
  bool default_observer = true;
  /// The options of supervise(f). Without a name, for names are unique.
  TaskOptions defaults = {};
  /// For jitter. Default: different each time.
  std::optional<std::uint64_t> random_seed = std::nullopt;
  RuntimeRef runtime = {};

  /// OK, or INVALID_ARGUMENT whose message begins with the field at fault.
  ENGIN_EXPORT absl::Status validate() const;
};

namespace detail {

/// A place in the source. Not made from nothing, so that `supervise(f, {})` means options.
class CallSite {
 public:
  constexpr CallSite(std::source_location where) noexcept : where_(where) {}  // NOLINT(google-explicit-constructor)
  constexpr const std::source_location& where() const noexcept { return where_; }

 private:
  std::source_location where_;
};

/// Doors for the host and for tests; not for users.
struct Access;

}  // namespace detail

/// Owns tasks and the threads they run on. See docs/concepts/supervision.md.
///
/// All functions may be called from any thread. Those that wait throw WouldDeadlock in a job of this supervisor (a
/// task, a hook, an observer), naming it. Not copyable, not movable: tasks may refer to it.
class ENGIN_EXPORT Supervisor {
 public:
  /// Checks the options (InvalidOptions); starts no thread.
  explicit Supervisor(SupervisorOptions options = {});
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;
  /// An orderly shutdown if there was none. If user code still runs after it: see OnStraggler. In a job of its own it
  /// ends the process by a WouldDeadlock that names the task: it can neither wait nor, being a destructor, throw. In
  /// the child of a fork it does nothing.
  ~Supervisor();

  /// Hands over a callable: f(std::stop_token) or f(), returning void, absl::Status, Co<> or Co<absl::Status>, or
  /// every(period, f). Before start() it is registered; afterwards it runs at once. It is called again, the same
  /// object, for each attempt, and lives until the task is removed; it is destroyed on a runner.
  ///
  /// Throws InvalidOptions, DuplicateName, SupervisorStopping (once shutdown began), std::bad_alloc, or what moving the
  /// callable throws; the supervisor is then as before, and nothing is kept.
  template <class F>
  TaskHandle supervise(F f, detail::CallSite where = std::source_location::current()) {
    return hand_over(std::move(f), nullptr, where);
  }
  template <class F>
  TaskHandle supervise(F f, TaskOptions options, std::source_location where = std::source_location::current()) {
    return hand_over(std::move(f), &options, where);
  }

  /// Starts the threads and every registered task. Throws AlreadyStarted, or StartFailed if the system gives no thread;
  /// it may then be called again. After request_shutdown() it starts nothing, so that run() ends at once.
  void start();

  /// Begins the shutdown: posts, runs no user code, returns at once. The first call's reason is the cause; later ones
  /// do nothing. Any thread, from inside a task, hook or observer; before start() too. Not from a signal handler.
  void request_shutdown(std::string_view reason = {}) noexcept;

  /// Waits until shutdown has ended, for its report, which lives as long as the supervisor. Always returns by the
  /// shutdown's deadline once that began. Throws NotStarted before start(), unless shutdown was requested.
  const ShutdownReport& wait();
  /// The same, at most `d`; null on timeout.
  template <class Rep, class Period>
  const ShutdownReport* wait_for(std::chrono::duration<Rep, Period> d) {
    return wait_within(detail::saturate(d));
  }
  /// request_shutdown() and wait(), also without start().
  const ShutdownReport& shutdown();
  /// start(), wait(), and the exit code.
  int run();
  /// Waits until every task has ended (tasks that are supervised meanwhile too); false if shutdown began first.
  bool wait_all();

  /// Fires when shutdown begins, before the hooks, on the control runner: for a program that does not sit in wait().
  std::stop_token stop_token() const noexcept;
  /// Why shutdown began, once it did.
  std::optional<ShutdownCause> shutdown_cause() const;

  SupervisorSnapshot snapshot() const;
  /// Calls `f` for every task present, in order of ids, without a lock: it may call anything.
  void for_each_task(const std::function<void(const TaskHandle&)>& f) const;
  /// The task present of that name, given or made up.
  std::optional<TaskHandle> find(std::string_view name) const;
  /// What everything does and why, for a person.
  void dump(std::ostream& out) const;

 private:
  friend struct detail::Access;

  template <class F>
  TaskHandle hand_over(F f, TaskOptions* options, detail::CallSite where) {
    if constexpr (detail::is_periodic<F>) {
      return adopt(detail::make_body(std::move(f.callable)), options, &f.spec, where);
    } else {
      detail::check_callable<F>();
      if constexpr (detail::CallResult<F>::callable && detail::is_valid_result<typename detail::CallResult<F>::type>) {
        return adopt(detail::make_body(std::move(f)), options, nullptr, where);
      } else {
        return TaskHandle();
      }
    }
  }
  TaskHandle adopt(detail::BodyPtr body, TaskOptions* options, const detail::PeriodicSpec* periodic,
                   detail::CallSite where);
  const ShutdownReport* wait_within(Duration d);

  std::unique_ptr<detail::Core, void (*)(detail::Core*)> core_;
};

}  // namespace engin

#endif  // ENGIN_SUPERVISOR_H_
