// A fence between two threads of which one passes it often and the other seldom.
#ifndef ENGIN_LIB_BASE_ASYMMETRIC_FENCE_H_
#define ENGIN_LIB_BASE_ASYMMETRIC_FENCE_H_

#include <atomic>

namespace engin::base {

/// Both threads store something, pass a fence, and load what the other one stored: at least one sees the other's store.
/// As with two std::atomic_thread_fence(seq_cst), but the light one costs nothing: the heavy one makes the kernel
/// interrupt every processor that runs a thread of this process (membarrier; some microseconds).
class AsymmetricFence {
 public:
  /// Call it once before the first use of the others. Without the kernel's help, both are ordinary fences.
  static void prepare() noexcept;

  static void light() noexcept {
    if (kernel_helps_.load(std::memory_order_relaxed)) {
      std::atomic_signal_fence(std::memory_order_seq_cst);
    } else {
      std::atomic_thread_fence(std::memory_order_seq_cst);
    }
  }
  static void heavy() noexcept;

 private:
  // Set by prepare, at most once and before any thread that passes a fence exists. (A second pool in the process finds
  // it set already.)
  static std::atomic<bool> kernel_helps_;
};

}  // namespace engin::base

#endif  // ENGIN_LIB_BASE_ASYMMETRIC_FENCE_H_
