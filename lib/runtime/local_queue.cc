#include "runtime/local_queue.h"

#include "base/this_thread.h"

namespace engin::runtime {

// Either the owner's store to inside_ is seen here, and waited for; or the owner sees visited_, and comes to the mutex.
LocalQueue::VisitorsTurn::VisitorsTurn(LocalQueue& queue) noexcept : queue_(queue) {
  queue_.visitors_.native().lock();
  queue_.visited_.store(true, std::memory_order_relaxed);
  base::AsymmetricFence::heavy();
  while (queue_.inside_.load(std::memory_order_acquire)) base::this_thread::yield();
}

LocalQueue::VisitorsTurn::~VisitorsTurn() {
  queue_.visited_.store(false, std::memory_order_release);
  queue_.visitors_.native().unlock();
}

}  // namespace engin::runtime
