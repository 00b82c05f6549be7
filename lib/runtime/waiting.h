// Threads of the program that wait for something.
#ifndef ENGIN_LIB_RUNTIME_WAITING_H_
#define ENGIN_LIB_RUNTIME_WAITING_H_

#include <stop_token>

#include "absl/functional/function_ref.h"
#include "base/atomic.h"
#include "base/futex.h"
#include "engin/detail/time.h"

namespace engin::runtime {

/// Where threads wait for a condition that is not under a lock of ours.
class WaitingRoom {
 public:
  /// Blocks until done(), which is asked again after each notify(); false at `deadline`.
  bool wait(absl::FunctionRef<bool()> done, TimePoint deadline);
  /// The condition may have become true. A fence and a load if nobody waits.
  void notify() noexcept;

 private:
  // A waiter counts itself, then asks; a notifier changes the condition, then reads the count; a fence stands between
  // the two on both sides. So either the notifier sees the waiter, or the waiter sees the change.
  base::Atomic<int> waiters_{0};
  base::FutexWord changes_{0};
};

/// Blocks until `until`, or false as soon as `token` fires.
bool sleep_until(const std::stop_token& token, TimePoint until);

}  // namespace engin::runtime

#endif  // ENGIN_LIB_RUNTIME_WAITING_H_
