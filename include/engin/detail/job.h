// What is put into a ready queue. Intrusive: posting allocates nothing and cannot fail.
#ifndef ENGIN_DETAIL_JOB_H_
#define ENGIN_DETAIL_JOB_H_

#include "engin/detail/time.h"

namespace engin::detail {

struct Job;

struct JobType {
  void (*run)(Job&) noexcept;
  /// How long it may run before its runner counts as captured; zero: at once.
  Duration capture_after;
  /// It finds the signal mask and the floating-point mode of the thread that called start().
  bool clean_thread = false;
  /// A hook, or a request of stop: while it holds its runner, that one does not count towards max_runners.
  bool for_stopping = false;
};

struct Job {
  explicit Job(const JobType& t) noexcept : type(&t) {}
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  Job* next = nullptr;
  const JobType* type;
};

}  // namespace engin::detail

#endif  // ENGIN_DETAIL_JOB_H_
