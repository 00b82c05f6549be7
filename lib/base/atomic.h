// What threads share without a lock. Here an alias; in the test of the lower cut another header of this name stands
// before this one (docs/adr/0006-the-lower-cut.md), and each access is a point at which a simulated thread may be
// interrupted.
#ifndef ENGIN_LIB_BASE_ATOMIC_H_
#define ENGIN_LIB_BASE_ATOMIC_H_

#include <atomic>

namespace engin::base {

template <class T>
using Atomic = std::atomic<T>;

inline void thread_fence(std::memory_order order) noexcept { std::atomic_thread_fence(order); }

}  // namespace engin::base

#endif  // ENGIN_LIB_BASE_ATOMIC_H_
