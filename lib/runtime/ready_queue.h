// A queue of jobs that several threads put into and take from.
#ifndef ENGIN_LIB_RUNTIME_READY_QUEUE_H_
#define ENGIN_LIB_RUNTIME_READY_QUEUE_H_

#include <cstddef>

#include "base/atomic.h"
#include "base/mutex.h"
#include "runtime/job_list.h"

namespace engin::runtime {

/// First in, first out, under one mutex, which no code but the list's own runs under.
///
/// `size` is a hint that may be read without the mutex: exact for who holds it, and zero only if the queue was empty a
/// moment ago. A runner whose own queue this is, and who alone puts jobs in, can trust a zero.
///
/// The mutex is also what makes a wake-up impossible to lose: see RunnerPool. `push` calls `look` before it lets go of
/// it, `empty` takes it.
class ReadyQueue {
 public:
  template <class Look>
  void push(detail::Job& job, Look look) noexcept {
    const base::Lock lock(mutex_);
    jobs_.push(job);
    publish_size();
    look();
  }
  template <class Look>
  void append(JobList& jobs, Look look) noexcept {
    const base::Lock lock(mutex_);
    jobs_.append(jobs);
    publish_size();
    look();
  }
  detail::Job* pop() noexcept {
    if (size() == 0) return nullptr;
    const base::Lock lock(mutex_);
    detail::Job* job = jobs_.pop();
    publish_size();
    return job;
  }
  /// A hint, for who would take the mutex in vain.
  std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }
  std::size_t exact_size() const noexcept {
    const base::Lock lock(mutex_);
    return jobs_.size();
  }

 private:
  void publish_size() noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    size_.store(jobs_.size(), std::memory_order_relaxed);
  }

  mutable base::Mutex mutex_;
  JobList jobs_ ABSL_GUARDED_BY(mutex_);
  base::Atomic<std::size_t> size_{0};
};

}  // namespace engin::runtime

#endif  // ENGIN_LIB_RUNTIME_READY_QUEUE_H_
