// The jobs that a runner posted to itself.
#ifndef ENGIN_LIB_RUNTIME_LOCAL_QUEUE_H_
#define ENGIN_LIB_RUNTIME_LOCAL_QUEUE_H_

#include <cstddef>

#include "base/asymmetric_fence.h"
#include "base/atomic.h"
#include "base/mutex.h"
#include "runtime/job_list.h"

namespace engin::runtime {

/// First in, first out. Its owner, one runner, puts in and takes out; other threads, the visitors, may take jobs away.
///
/// A coroutine that yields passes here twice, so the owner takes no lock: it raises a flag (`inside_`), looks whether
/// there is a visitor, and if so waits for its turn at the visitors' mutex. A visitor raises a flag as well
/// (`visited_`), makes sure that the owner sees it (AsymmetricFence), and waits until the owner is out: some
/// nanoseconds, unless the owner's thread was interrupted just there. With a mutex for both, a yield took twice as long
/// (bench/runtime_bench.cc).
class LocalQueue {
 public:
  // --- The owner. ---

  /// How many there are now.
  std::size_t push(detail::Job& job) noexcept {
    const OwnersTurn turn(*this);
    jobs_.push(job);
    return publish_size();
  }
  void append(JobList& jobs) noexcept {
    const OwnersTurn turn(*this);
    jobs_.append(jobs);
    publish_size();
  }
  detail::Job* pop() noexcept {
    if (size() == 0) return nullptr;
    const OwnersTurn turn(*this);
    detail::Job* job = jobs_.pop();
    publish_size();
    return job;
  }

  // --- Visitors. ---

  /// The first half, rounded up or down, at most `most`.
  JobList take_half(std::size_t most, bool round_up) noexcept {
    const VisitorsTurn turn(*this);
    const std::size_t half = (jobs_.size() + (round_up ? 1 : 0)) / 2;
    JobList taken = jobs_.take(half < most ? half : most);
    publish_size();
    return taken;
  }
  JobList take_all() noexcept {
    const VisitorsTurn turn(*this);
    JobList taken = std::move(jobs_);
    publish_size();
    return taken;
  }

  // --- Everybody. ---

  /// Exact for the owner, if it is zero; or else a hint.
  std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }

 private:
  class OwnersTurn {
   public:
    explicit OwnersTurn(LocalQueue& queue) noexcept : queue_(queue) {
      queue_.inside_.store(true, std::memory_order_relaxed);
      base::AsymmetricFence::light();
      if (!queue_.visited_.load(std::memory_order_acquire)) [[likely]]
        return;
      queue_.inside_.store(false, std::memory_order_release);
      queue_.visitors_.native().lock();
      waited_ = true;
    }
    OwnersTurn(const OwnersTurn&) = delete;
    OwnersTurn& operator=(const OwnersTurn&) = delete;
    ~OwnersTurn() {
      if (waited_) [[unlikely]] {
        queue_.visitors_.native().unlock();
      } else {
        queue_.inside_.store(false, std::memory_order_release);
      }
    }

   private:
    LocalQueue& queue_;
    bool waited_ = false;
  };

  class VisitorsTurn {
   public:
    explicit VisitorsTurn(LocalQueue& queue) noexcept;
    VisitorsTurn(const VisitorsTurn&) = delete;
    VisitorsTurn& operator=(const VisitorsTurn&) = delete;
    ~VisitorsTurn();

   private:
    LocalQueue& queue_;
  };

  std::size_t publish_size() noexcept {
    size_.store(jobs_.size(), std::memory_order_relaxed);
    return jobs_.size();
  }

  base::Atomic<bool> inside_{false};
  base::Atomic<bool> visited_{false};
  base::Atomic<std::size_t> size_{0};
  JobList jobs_;  // of whoever's turn it is
  base::Mutex visitors_;
};

}  // namespace engin::runtime

#endif  // ENGIN_LIB_RUNTIME_LOCAL_QUEUE_H_
