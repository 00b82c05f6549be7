// A mutex with the annotations that clang's -Wthread-safety checks. Each task has one, and each restart takes it, so it
// is one word and its usual path is inlined (docs/adr/0007-one-word-mutex.md).
#ifndef ENGIN_LIB_BASE_MUTEX_H_
#define ENGIN_LIB_BASE_MUTEX_H_

#include <atomic>
#include <cstdint>
#include <mutex>

#include "absl/base/thread_annotations.h"
#include "base/futex.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ENGIN_MUTEX_IS_STD
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define ENGIN_MUTEX_IS_STD
#endif

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

#ifdef ENGIN_MUTEX_IS_STD
using RawMutex = std::mutex;  // ThreadSanitizer knows it, and so finds locks taken in different orders
#else
/// A futex: free, held, or held while others sleep. Drepper, "Futexes are tricky", 2011, mutex 2.
class RawMutex {
 public:
  void lock() noexcept {
    std::uint32_t seen = Free;
    if (!word_.compare_exchange_strong(seen, Held, std::memory_order_acquire, std::memory_order_relaxed)) [[unlikely]]
      lock_slowly();
  }
  void unlock() noexcept {
    if (word_.exchange(Free, std::memory_order_release) == Contended) [[unlikely]]
      futex_wake(word_, 1);
  }

 private:
  enum : std::uint32_t { Free, Held, Contended };
  void lock_slowly() noexcept;
  FutexWord word_{Free};
};
#endif

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
  /// Without the lock point.
  RawMutex& native() ABSL_LOCK_RETURNED(this) { return mutex_; }

 private:
  RawMutex mutex_;
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
