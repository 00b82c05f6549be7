#include "runtime/waiting.h"

#include <cstdint>
#include <utility>

#include "base/random.h"

namespace engin::runtime {

WaitingRoom::Place& WaitingRoom::place_of(const void* about) noexcept {
  return places_[base::mix(reinterpret_cast<std::uintptr_t>(about)) % places_.size()];
}

/// While it lives its waiter is in the list.
class WaitingRoom::Waits {
 public:
  Waits(Place& place, Waiter& waiter) noexcept : place_(place), waiter_(waiter) {
    const base::Lock lock(place_.mutex);
    waiter_.next = std::exchange(place_.first, &waiter_);
    place_.waiters.fetch_add(1, std::memory_order_seq_cst);
  }
  Waits(const Waits&) = delete;
  Waits& operator=(const Waits&) = delete;
  ~Waits() {
    const base::Lock lock(place_.mutex);
    place_.waiters.fetch_sub(1, std::memory_order_relaxed);
    Waiter** at = &place_.first;
    while (*at != &waiter_) at = &(*at)->next;
    *at = waiter_.next;
  }

 private:
  Place& place_;
  Waiter& waiter_;
};

bool WaitingRoom::wait(const void* about, absl::FunctionRef<bool()> done, TimePoint deadline) {
  Waiter waiter{about};
  const Waits waits(place_of(about), waiter);
  while (true) {
    const std::uint32_t changes = waiter.changes.load(std::memory_order_acquire);
    base::thread_fence(std::memory_order_seq_cst);
    if (done()) return true;
    if (!base::futex_wait(waiter.changes, changes, deadline)) return done();
  }
}

void WaitingRoom::notify(const void* about) noexcept {
  Place& place = place_of(about);
  base::thread_fence(std::memory_order_seq_cst);
  if (place.waiters.load(std::memory_order_relaxed) == 0) return;
  const base::Lock lock(place.mutex);
  for (Waiter* waiter = place.first; waiter != nullptr; waiter = waiter->next) {
    if (waiter->about != about) continue;
    waiter->changes.fetch_add(1, std::memory_order_release);
    base::futex_wake(waiter->changes, 1);
  }
}

bool sleep_until(const std::stop_token& token, TimePoint until) {
  base::FutexWord stopped{0};
  const auto wake = [&stopped]() noexcept {
    stopped.store(1, std::memory_order_release);
    base::futex_wake_all(stopped);
  };
  // Its destructor waits for a call that is under way, so the word outlives the wake.
  const std::stop_callback on_stop(token, wake);
  while (stopped.load(std::memory_order_acquire) == 0) {
    if (!base::futex_wait(stopped, 0, until)) break;
  }
  return stopped.load(std::memory_order_acquire) == 0;
}

}  // namespace engin::runtime
