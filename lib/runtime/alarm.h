// How a sleeping watcher is called.
#ifndef ENGIN_LIB_RUNTIME_ALARM_H_
#define ENGIN_LIB_RUNTIME_ALARM_H_

#include <cstdint>

#include "base/atomic.h"
#include "base/futex.h"
#include "engin/detail/time.h"

namespace engin::runtime {

/// One thread waits; any thread rings. The waiter says when it needs to be called at all (asleep), so that who has
/// nothing urgent to say pays one load.
class Alarm {
 public:
  /// Ends the wait that is under way, or the next one if it follows a `round` read before.
  void ring() noexcept {
    rings_.fetch_add(1, std::memory_order_release);
    base::futex_wake_all(rings_);
  }
  void ring_if_asleep() noexcept {
    if (asleep() && asleep_.exchange(false, std::memory_order_acq_rel)) ring();
  }
  bool asleep() const noexcept { return asleep_.load(std::memory_order_relaxed); }

  // --- The waiter's side. ---

  std::uint32_t round() const noexcept { return rings_.load(std::memory_order_acquire); }
  void set_asleep(bool asleep) noexcept { asleep_.store(asleep, std::memory_order_release); }
  /// Until something rang since `round`, or `deadline`.
  void wait(std::uint32_t round, TimePoint deadline) noexcept {
    while (rings_.load(std::memory_order_acquire) == round && base::futex_wait(rings_, round, deadline)) {
    }
  }

 private:
  base::FutexWord rings_{0};
  base::Atomic<bool> asleep_{false};
};

}  // namespace engin::runtime

#endif  // ENGIN_LIB_RUNTIME_ALARM_H_
