#include "runtime/waiting.h"

namespace engin::runtime {

bool WaitingRoom::wait(absl::FunctionRef<bool()> done, TimePoint deadline) {
  struct Counted {
    explicit Counted(base::Atomic<int>& n) : count(n) { count.fetch_add(1, std::memory_order_seq_cst); }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    ~Counted() { count.fetch_sub(1, std::memory_order_relaxed); }
    base::Atomic<int>& count;
  };
  const Counted counted(waiters_);
  while (true) {
    const std::uint32_t changes = changes_.load(std::memory_order_acquire);
    base::thread_fence(std::memory_order_seq_cst);
    if (done()) return true;
    if (!base::futex_wait(changes_, changes, deadline)) return done();
  }
}

void WaitingRoom::notify() noexcept {
  base::thread_fence(std::memory_order_seq_cst);
  if (waiters_.load(std::memory_order_relaxed) == 0) return;
  changes_.fetch_add(1, std::memory_order_release);
  base::futex_wake_all(changes_);
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
