// Runs lifecycle hooks, each within its time.
#ifndef ENGIN_LIB_HOST_LIFECYCLE_RUNNER_H_
#define ENGIN_LIB_HOST_LIFECYCLE_RUNNER_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "engin/engin.h"

namespace engin::detail {

/// A hook is a task of a small supervisor of its own, so that it may block or await, cannot hold up who waits for it,
/// has a token, and lives in virtual time if the application does. start_all, stop_all and finish are called by one
/// thread, one after the other.
class LifecycleRunner {
 public:
  /// `stopping`: how long all of stopping may take; a quarter of it is the hooks'.
  LifecycleRunner(Lifecycle& lifecycle, RuntimeRef runtime, Duration stopping);

  /// Starts all in order. Throws StartFailed if one fails or takes too long. False if it was interrupted: those that
  /// are up then wait for stop_all.
  bool start_all();
  /// Stops those that are up, in reverse. Each gets its timeout, what is left until `deadline` less the share of the
  /// others, and at the very least its own share. Nothing is thrown; see failures().
  void stop_all(TimePoint deadline);
  /// Waits a moment for hooks that had run out of time; those that still run after it are unfinished().
  void finish();

  /// When all is over: what they captured goes.
  static void forget_hooks(Lifecycle& lifecycle) noexcept;

  /// Any thread: start_all starts nothing more, and the token of the hook that it waits for fires.
  void interrupt() noexcept;

  TimePoint now() const noexcept;
  /// Any thread: "on_stop of database"; empty while no hook runs.
  std::string current() const;
  /// Any thread: names of those that are up or were, in the order in which they started.
  std::vector<std::string> started() const;
  const std::vector<EnginReport::LifecycleFailure>& failures() const noexcept { return failures_; }
  const std::vector<std::string>& unfinished() const noexcept { return unfinished_; }
  /// Throws WouldDeadlock in a hook.
  void check_may_wait(std::string_view what) const;

 private:
  struct Ended {
    bool in_time = false;
    bool never_ran = false;
    std::optional<Outcome> outcome = std::nullopt;  // none: it still runs
    bool clean() const { return in_time && !outcome->failure(); }
  };
  std::optional<LifecycleHook> next_to_start(std::size_t at);
  Ended run(const Hook& hook, std::string name, Duration limit, bool interruptible);
  std::optional<Outcome> await(const TaskHandle& task, Duration limit, bool interruptible) const;
  [[noreturn]] static void throw_start_failure(const LifecycleHook& hook, const Ended& ended);
  void note_failure(const LifecycleHook& hook, std::string_view what, const Ended& ended);
  bool interrupted() const;
  Supervisor& supervisor();

  Lifecycle& lifecycle_;
  const RuntimeRef runtime_;
  const Duration stopping_;
  const Duration grace_;
  std::vector<LifecycleHook> up_;
  std::vector<EnginReport::LifecycleFailure> failures_;
  std::vector<std::pair<std::string, TaskHandle>> late_;
  std::vector<std::string> unfinished_;

  mutable base::Mutex mutex_;
  std::unique_ptr<Supervisor> supervisor_ ABSL_GUARDED_BY(mutex_);  // made for the first hook
  std::size_t runs_ ABSL_GUARDED_BY(mutex_) = 0;
  TaskHandle running_ ABSL_GUARDED_BY(mutex_);
  std::string running_name_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> started_ ABSL_GUARDED_BY(mutex_);
  std::optional<TimePoint> interrupted_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace engin::detail

#endif  // ENGIN_LIB_HOST_LIFECYCLE_RUNNER_H_
