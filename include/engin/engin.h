// The host: a service as a list of what it is made of. Brings everything.
#ifndef ENGIN_ENGIN_H_
#define ENGIN_ENGIN_H_

#include <iosfwd>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engin/detail/export.h"
#include "engin/errors.h"
#include "engin/graph.h"
#include "engin/lifecycle.h"
#include "engin/option.h"
#include "engin/supervisor.h"

namespace engin {

/// The options do not fit together. Nothing was made and nothing ran. what() lists all there is to mend, each with the
/// whole path that led to it.
class ENGIN_EXPORT AssemblyError : public Error {
 public:
  explicit AssemblyError(std::vector<std::string> errors);
  ~AssemblyError() override;
  const std::vector<std::string>& errors() const noexcept { return errors_; }

 private:
  std::vector<std::string> errors_;
};

/// How a run went.
struct ENGIN_EXPORT EnginReport {
  /// A lifecycle hook that failed or did not return in time.
  struct LifecycleFailure {
    std::string hook = {};
    /// "on_start" or "on_stop".
    std::string what = {};
    /// What it threw or returned; empty if it only took too long.
    std::string failure = {};
    bool timed_out = false;
  };

  /// Why it did not start; empty if it did.
  std::string start_failure = {};
  /// Of the supervisor; none if that was never made.
  std::optional<ShutdownReport> supervisor = std::nullopt;
  std::vector<LifecycleFailure> lifecycle = {};
  /// Lifecycle hooks that still run. With these, or stragglers of the supervisor, no value is destroyed.
  std::vector<std::string> unfinished_hooks = {};
  /// 0 clean; 1 caused by a failure or a limit; 2 asked to stop, but not clean (a failed lifecycle stop included);
  /// 3 did not assemble or start; 128 + n with SignalExit::Mirror.
  int exit_code = 0;

  bool has_stragglers() const noexcept {
    return !unfinished_hooks.empty() || (supervisor && !supervisor->stragglers.empty());
  }
};
/// For a person: one line per thing that matters.
ENGIN_EXPORT std::ostream& operator<<(std::ostream&, const EnginReport&);

namespace detail {
class Host;
using HostPtr = std::unique_ptr<Host, void (*)(Host*)>;
ENGIN_EXPORT HostPtr make_host(Option options);
}  // namespace detail

/// Makes what the options provide and something needs, starts it in order, supervises the tasks, and takes everything
/// down in order when a signal, stop() or a task's failure asks for it:
///
///     int main() {
///       return engin::Engin(engin::Supply(Config{...}), engin::Provide(make_pool), engin::Provide(make_worker),
///                           engin::Entrypoint<WorkerService>()).run();
///     }
///
/// Starting: values are made; invocations run; lifecycle hooks start; the supervisor starts. All on the thread that
/// called, but for hooks and tasks. Stopping: the supervisor stops (hooks, stop, await); lifecycle hooks stop in
/// reverse, each for which start returned; values are destroyed in reverse. A failed or interrupted start takes down
/// what was up. There is one deadline for all of stopping, SupervisorOptions::shutdown_timeout, a quarter of it kept
/// for the lifecycle. `Supervisor&` and `Lifecycle&` are provided; supply `SupervisorOptions` to shape the first (also
/// its runtime: with a testing::VirtualRuntime everything happens in virtual time).
///
/// If code still runs that did not end in time, no value is destroyed: run() prints the report and ends the process
/// with its exit code; after start(), the destructor does. With OnStraggler::Abandon the values are leaked instead.
///
/// An Engin runs once. See docs/concepts/host.md.
class ENGIN_EXPORT Engin {
 public:
  /// Options are what the functions of option.h return. Runs nothing and throws nothing of its own.
  template <class... O>
  explicit Engin(O... options) : host_(detail::make_host(detail::join_options({}, std::move(options)...))) {}
  Engin(const Engin&) = delete;
  Engin& operator=(const Engin&) = delete;
  /// stop(), if it runs.
  ~Engin();

  /// Starts, waits until something asks for the shutdown, stops; returns the exit code (EnginReport::exit_code). What
  /// kept it from starting is printed to standard error, as is the report of a run that was not clean. Handles signals.
  /// After stop() it returns 0 at once. Throws AlreadyStarted if it ran before, WouldDeadlock in a task or hook of its
  /// own.
  int run();

  /// Starts, and returns once the supervisor has started; call stop() at the end, from any thread. If it is asked to
  /// stop meanwhile it takes down what was up and returns; after stop() it does nothing. Throws AssemblyError,
  /// AlreadyStarted, or StartFailed, which names who failed and nests what it threw; everything is taken down again
  /// then.
  void start();

  /// Asks for the shutdown, waits until all is down, and returns the exit code. Any thread, any number of times; before
  /// the start too, which then starts nothing. In a task, hook, provider or invocation of its own it could only wait
  /// for itself: it asks for the shutdown and throws WouldDeadlock.
  int stop();
  /// Asks for the shutdown and returns at once. From anywhere but a signal handler. The first reason is kept.
  void request_stop(std::string_view reason = {}) noexcept;
  /// Fires when the shutdown begins: after start(), for a program with its own main loop, which then calls stop().
  /// Never stops before start() and after the end.
  std::stop_token stop_token() const;

  /// Only looks whether the options fit together; for a unit test. Throws AssemblyError. May be called at any time.
  void check();
  /// How they fit together. Throws AssemblyError.
  Graph graph();
  /// How the run went, once it is over; before: empty.
  EnginReport report() const;

 private:
  detail::HostPtr host_;
};

}  // namespace engin

#endif  // ENGIN_ENGIN_H_
