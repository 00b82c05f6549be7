#include "runtime/waiting.h"

#include <cstdint>

#include "base/random.h"

namespace engin::runtime {

WaitingRoom::Place& WaitingRoom::place_of(const void* about) noexcept {
  return places_[base::mix(reinterpret_cast<std::uintptr_t>(about)) % places_.size()];
}

bool WaitingRoom::wait(const void* about, absl::FunctionRef<bool()> done, TimePoint deadline) {
  struct Counted {
    explicit Counted(base::Atomic<int>& n) : count(n) { count.fetch_add(1, std::memory_order_seq_cst); }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    ~Counted() { count.fetch_sub(1, std::memory_order_relaxed); }
    base::Atomic<int>& count;
  };
  Place& place = place_of(about);
  const Counted counted(place.waiters);
  while (true) {
    const std::uint32_t changes = place.changes.load(std::memory_order_acquire);
    base::thread_fence(std::memory_order_seq_cst);
    if (done()) return true;
    if (!base::futex_wait(place.changes, changes, deadline)) return done();
  }
}

void WaitingRoom::notify(const void* about) noexcept {
  Place& place = place_of(about);
  base::thread_fence(std::memory_order_seq_cst);
  if (place.waiters.load(std::memory_order_relaxed) == 0) return;
  place.changes.fetch_add(1, std::memory_order_release);
  base::futex_wake_all(place.changes);
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
