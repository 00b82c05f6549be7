// What the runtime finds below it that is no header: in place of arena.cc and thread_activity.cc.
#include "runtime/arena.h"
#include "runtime/thread_activity.h"
#include "test/lower_cut/machine.h"

namespace engin::runtime {

void in_own_arena(absl::FunctionRef<void()> f) noexcept { f(); }

Activity activity_of(pid_t thread) noexcept {
  const lower::Machine& machine = *lower::Machine::here();
  const lower::SimThread& seen = *machine.threads()[static_cast<std::size_t>(thread)];
  const bool runs = seen.computes || seen.wait == lower::Wait::None;
  Activity activity{.asleep = !runs, .processor_time = seen.processor_time};
  if (seen.computes) activity.processor_time += machine.now() - seen.computes_since;
  return activity;
}

}  // namespace engin::runtime
