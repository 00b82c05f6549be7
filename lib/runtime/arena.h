// The only place that touches oneTBB.
#ifndef ENGIN_LIB_RUNTIME_ARENA_H_
#define ENGIN_LIB_RUNTIME_ARENA_H_

#include "absl/functional/function_ref.h"

namespace engin::runtime {

/// Calls `f` inside a tbb::task_arena of the calling thread's own: one seat for it, the others for TBB's workers, as
/// many as the machine has processors in all. What f starts with parallel_for and the like is helped by those workers,
/// and the calling thread never executes anything that another thread started.
void in_own_arena(absl::FunctionRef<void()> f) noexcept;

}  // namespace engin::runtime

#endif  // ENGIN_LIB_RUNTIME_ARENA_H_
