// What starts before the tasks and stops after them.
#ifndef ENGIN_LIFECYCLE_H_
#define ENGIN_LIFECYCLE_H_

#include <chrono>
#include <mutex>
#include <string>
#include <vector>

#include "engin/detail/export.h"
#include "engin/detail/time.h"
#include "engin/hook.h"

namespace engin {

namespace detail {
class LifecycleRunner;
}

/// A resource's start and stop. Both are optional; both may be coroutines; each gets a token if it takes one, which
/// fires when its time is over, and for on_start when the Engin is asked to stop meanwhile.
struct LifecycleHook {
  /// For errors and the graph: 1 to 100 bytes, no control characters, no '#'. Empty: its place in the order.
  std::string name = {};
  Hook on_start = {};
  /// Runs if on_start returned (or there is none). What a failing on_start had begun it undoes itself.
  Hook on_stop = {};
  /// Of each of the two. Stopping has one deadline for everything, so that on_stop may get less; docs/concepts/host.md.
  Duration timeout = std::chrono::seconds(15);
};

/// Provided by every Engin: take it as `Lifecycle&` in a provider or an Invoke. Hooks start in the order in which they
/// were registered, one after the other, after all invocations and before any task; they stop in reverse, after the
/// last task ended. They run on threads of their own, never on the one that starts the Engin.
class ENGIN_EXPORT Lifecycle {
 public:
  /// Any thread. A hook registered by another hook's on_start starts after those that are there. Throws InvalidOptions,
  /// or AlreadyStarted once the last on_start has returned or stopping has begun.
  void hook(LifecycleHook hook);

 private:
  friend class detail::LifecycleRunner;
  std::mutex mutex_;
  std::vector<LifecycleHook> hooks_;
  bool closed_ = false;
};

}  // namespace engin

#endif  // ENGIN_LIFECYCLE_H_
