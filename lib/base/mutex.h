// std::mutex with the annotations that clang's -Wthread-safety checks.
#ifndef ENGIN_LIB_BASE_MUTEX_H_
#define ENGIN_LIB_BASE_MUTEX_H_

#include <atomic>
#include <mutex>

#include "absl/base/thread_annotations.h"

namespace engin::base {

/// Called with +1 before a Mutex is taken and with -1 after it was let go: where a simulated world lets another of its
/// threads go first (runtime/virtual_world.h). Null in every other program.
using LockPoint = void (*)(int change) noexcept;
inline std::atomic<LockPoint> lock_point{nullptr};

/// Where a lock that is no Mutex is held around one that is.
class NoLockPoint {
 public:
  NoLockPoint() noexcept { tell(+1); }
  NoLockPoint(const NoLockPoint&) = delete;
  NoLockPoint& operator=(const NoLockPoint&) = delete;
  ~NoLockPoint() { tell(-1); }
  static void tell(int change) noexcept {
    if (const LockPoint point = lock_point.load(std::memory_order_relaxed)) [[unlikely]]
      point(change);
  }
};

class ABSL_LOCKABLE Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;
  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    NoLockPoint::tell(+1);
    mutex_.lock();
  }
  void unlock() ABSL_UNLOCK_FUNCTION() {
    mutex_.unlock();
    NoLockPoint::tell(-1);
  }
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
