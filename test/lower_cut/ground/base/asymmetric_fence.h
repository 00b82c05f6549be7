// Stands before lib/base/asymmetric_fence.h.
#ifndef ENGIN_TEST_LOWER_CUT_GROUND_BASE_ASYMMETRIC_FENCE_H_
#define ENGIN_TEST_LOWER_CUT_GROUND_BASE_ASYMMETRIC_FENCE_H_

#include <source_location>

#include "test/lower_cut/machine.h"

namespace engin::base {

class AsymmetricFence {
  using Where = std::source_location;

 public:
  static void prepare() noexcept {}
  static void light(Where where = Where::current()) noexcept {
    lower::Machine* machine = lower::Machine::here();
    if (machine != nullptr && !machine->membarrier()) machine->fence(std::memory_order_seq_cst, where);
  }
  static void heavy(Where where = Where::current()) noexcept {
    lower::Machine* machine = lower::Machine::here();
    if (machine == nullptr) return;
    if (machine->membarrier()) {
      machine->drain_all(where);
    } else {
      machine->fence(std::memory_order_seq_cst, where);
    }
  }
};

}  // namespace engin::base

#endif  // ENGIN_TEST_LOWER_CUT_GROUND_BASE_ASYMMETRIC_FENCE_H_
