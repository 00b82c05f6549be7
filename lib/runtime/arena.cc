#include "runtime/arena.h"

#include <tbb/info.h>
#include <tbb/task_arena.h>

namespace engin::runtime {

// A narrow arena for each runner: a wide or shared one lets runners execute parts of each other's loops and makes small
// loops many times slower (docs/internals.md).
void in_own_arena(absl::FunctionRef<void()> f) noexcept {
  bool entered = false;
  try {
    tbb::task_arena arena(tbb::info::default_concurrency(), 1);
    arena.execute([&] {
      entered = true;
      f();
    });
  } catch (...) {
    // No memory for an arena: TBB gives the thread an implicit one on first use.
    if (!entered) f();
  }
}

}  // namespace engin::runtime
