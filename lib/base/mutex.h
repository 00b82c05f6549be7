// std::mutex with the annotations that clang's -Wthread-safety checks.
#ifndef ENGIN_LIB_BASE_MUTEX_H_
#define ENGIN_LIB_BASE_MUTEX_H_

#include <mutex>

#include "absl/base/thread_annotations.h"

namespace engin::base {

class ABSL_LOCKABLE Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;
  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  void unlock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }
  bool try_lock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) { return mutex_.try_lock(); }
  /// For std::condition_variable, with the lock held.
  std::mutex& native() ABSL_LOCK_RETURNED(this) { return mutex_; }

 private:
  std::mutex mutex_;
};

/// Holds a Mutex for a scope; may let go of it early.
class ABSL_SCOPED_LOCKABLE Lock {
 public:
  explicit Lock(Mutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(&mutex) { mutex.lock(); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  ~Lock() ABSL_UNLOCK_FUNCTION() {
    if (held_) mutex_->unlock();
  }
  void unlock() ABSL_UNLOCK_FUNCTION() {
    held_ = false;
    mutex_->unlock();
  }
  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    mutex_->lock();
    held_ = true;
  }

 private:
  Mutex* mutex_;
  bool held_ = true;
};

}  // namespace engin::base

#endif  // ENGIN_LIB_BASE_MUTEX_H_
