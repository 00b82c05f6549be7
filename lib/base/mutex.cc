#include "base/mutex.h"

#include "base/spin.h"
#include "engin/detail/time.h"

namespace engin::base {

#ifndef ENGIN_MUTEX_IS_STD

// What the locks protect is short: often the holder is done before a sleep would have begun.
void RawMutex::lock_slowly() noexcept {
  constexpr int Spins = 60;
  for (int i = 0; i < Spins; ++i) {
    std::uint32_t seen = word_.load(std::memory_order_relaxed);
    if (seen == Contended) break;
    if (seen == Free && word_.compare_exchange_weak(seen, Held, std::memory_order_acquire, std::memory_order_relaxed)) {
      return;
    }
    spin_pause();
  }
  while (word_.exchange(Contended, std::memory_order_acquire) != Free) futex_wait(word_, Contended, TimePoint::max());
}

#endif

}  // namespace engin::base
