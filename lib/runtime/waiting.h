// Threads of the program that wait for something.
#ifndef ENGIN_LIB_RUNTIME_WAITING_H_
#define ENGIN_LIB_RUNTIME_WAITING_H_

#include <array>
#include <stop_token>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "base/atomic.h"
#include "base/futex.h"
#include "base/mutex.h"
#include "engin/detail/time.h"

namespace engin::runtime {

/// Where threads wait for a condition that is not under a lock of ours; each for one about some object, so that a
/// change of another one does not wake it.
class WaitingRoom {
 public:
  /// Blocks until done(), which is asked again after each notify(about); false at `deadline`.
  bool wait(const void* about, absl::FunctionRef<bool()> done, TimePoint deadline);
  /// The condition may have become true. A fence and a load if nobody waits.
  void notify(const void* about) noexcept;

 private:
  // A waiter counts itself, then asks; a notifier changes the condition, then reads the count; a fence stands between
  // the two on both sides. So either the notifier sees the waiter, or the waiter sees the change.
  struct Waiter {
    const void* about;
    Waiter* next = nullptr;
    base::FutexWord changes{0};
  };
  struct Place {
    base::Atomic<int> waiters{0};
    base::Mutex mutex;
    Waiter* first ABSL_GUARDED_BY(mutex) = nullptr;  // each on the stack of its thread
  };
  class Waits;
  Place& place_of(const void* about) noexcept;

  std::array<Place, 32> places_;
};

/// Blocks until `until`, or false as soon as `token` fires.
bool sleep_until(const std::stop_token& token, TimePoint until);

}  // namespace engin::runtime

#endif  // ENGIN_LIB_RUNTIME_WAITING_H_
