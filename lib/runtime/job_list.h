// Jobs in the order they came. Intrusive: a job is in one list at a time.
#ifndef ENGIN_LIB_RUNTIME_JOB_LIST_H_
#define ENGIN_LIB_RUNTIME_JOB_LIST_H_

#include <cstddef>

#include "engin/detail/job.h"

namespace engin::runtime {

class JobList {
 public:
  JobList() = default;
  JobList(JobList&& other) noexcept : head_(other.head_), tail_(other.tail_), size_(other.size_) { other.forget(); }
  JobList& operator=(JobList&&) = delete;

  bool empty() const noexcept { return head_ == nullptr; }
  std::size_t size() const noexcept { return size_; }

  void push(detail::Job& job) noexcept {
    job.next = nullptr;
    (tail_ != nullptr ? tail_->next : head_) = &job;
    tail_ = &job;
    ++size_;
  }
  detail::Job* pop() noexcept {
    detail::Job* job = head_;
    if (job == nullptr) return nullptr;
    head_ = job->next;
    if (head_ == nullptr) tail_ = nullptr;
    --size_;
    return job;
  }
  /// Appends all of `other`, which is empty afterwards.
  void append(JobList& other) noexcept {
    if (other.empty()) return;
    (tail_ != nullptr ? tail_->next : head_) = other.head_;
    tail_ = other.tail_;
    size_ += other.size_;
    other.forget();
  }
  /// Takes out the first `n`, or all.
  JobList take(std::size_t n) noexcept {
    JobList taken;
    while (taken.size_ < n && head_ != nullptr) taken.push(*pop());
    return taken;
  }

 private:
  void forget() noexcept {
    head_ = tail_ = nullptr;
    size_ = 0;
  }

  detail::Job* head_ = nullptr;
  detail::Job* tail_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace engin::runtime

#endif  // ENGIN_LIB_RUNTIME_JOB_LIST_H_
