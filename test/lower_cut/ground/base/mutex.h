// Stands before lib/base/mutex.h.
#ifndef ENGIN_TEST_LOWER_CUT_GROUND_BASE_MUTEX_H_
#define ENGIN_TEST_LOWER_CUT_GROUND_BASE_MUTEX_H_

#include <source_location>

#include "absl/base/thread_annotations.h"
#include "test/lower_cut/machine.h"

namespace engin::base {

class ABSL_LOCKABLE Mutex {
  using Where = std::source_location;

 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;
  void lock(Where where = Where::current()) ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(where); }
  void unlock(Where where = Where::current()) ABSL_UNLOCK_FUNCTION() { mutex_.unlock(where); }
  lower::SimMutex& native() ABSL_LOCK_RETURNED(this) { return mutex_; }

 private:
  lower::SimMutex mutex_;
};

class ABSL_SCOPED_LOCKABLE Lock {
  using Where = std::source_location;

 public:
  explicit Lock(Mutex& mutex, Where where = Where::current()) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex)
      : mutex_(&mutex), where_(where) {
    mutex.lock(where);
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  ~Lock() ABSL_UNLOCK_FUNCTION() {
    if (held_) mutex_->unlock(where_);
  }
  void unlock(Where where = Where::current()) ABSL_UNLOCK_FUNCTION() {
    held_ = false;
    mutex_->unlock(where);
  }
  void lock(Where where = Where::current()) ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    mutex_->lock(where);
    held_ = true;
  }

 private:
  Mutex* mutex_;
  Where where_;
  bool held_ = true;
};

}  // namespace engin::base

#endif  // ENGIN_TEST_LOWER_CUT_GROUND_BASE_MUTEX_H_
