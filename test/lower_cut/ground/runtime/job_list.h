// Stands before lib/runtime/job_list.h: the same list, watched for data races.
#ifndef ENGIN_TEST_LOWER_CUT_GROUND_RUNTIME_JOB_LIST_H_
#define ENGIN_TEST_LOWER_CUT_GROUND_RUNTIME_JOB_LIST_H_

#include <utility>

#include "test/lower_cut/machine.h"

#define JobList RealJobList
#include "lib/runtime/job_list.h"
#undef JobList

namespace engin::runtime {

class JobList {
 public:
  JobList() = default;
  JobList(JobList&& other) noexcept : list_(std::move(other.touched().list_)) {}
  JobList& operator=(JobList&&) = delete;

  bool empty() const noexcept { return touched().list_.empty(); }
  std::size_t size() const noexcept { return touched().list_.size(); }
  void push(detail::Job& job) noexcept { touched().list_.push(job); }
  detail::Job* pop() noexcept { return touched().list_.pop(); }
  void append(JobList& other) noexcept { touched().list_.append(other.touched().list_); }
  JobList take(std::size_t n) noexcept { return JobList(touched().list_.take(n)); }

 private:
  explicit JobList(RealJobList list) noexcept : list_(std::move(list)) {}
  JobList& touched() noexcept {
    data_.touch("a list of jobs");
    return *this;
  }
  const JobList& touched() const noexcept {
    data_.touch("a list of jobs");
    return *this;
  }

  RealJobList list_;
  mutable lower::PlainData data_;
};

}  // namespace engin::runtime

#endif  // ENGIN_TEST_LOWER_CUT_GROUND_RUNTIME_JOB_LIST_H_
