#include "engin/testing/virtual_runtime.h"

#include <limits>

#include "runtime/virtual_world.h"

namespace engin::testing {

VirtualRuntime::VirtualRuntime(std::uint64_t seed) : world_(std::make_shared<runtime::VirtualWorld>(seed)) {}
VirtualRuntime::~VirtualRuntime() = default;

std::size_t VirtualRuntime::run_until_idle() { return world_->run_steps(std::numeric_limits<std::size_t>::max()); }
std::size_t VirtualRuntime::run_steps(std::size_t n) { return world_->run_steps(n); }

void VirtualRuntime::advance_by(Duration d) {
  run_until_idle();
  const TimePoint until = detail::saturating_add(now(), d);
  while (const std::optional<TimePoint> next = next_deadline()) {
    if (*next > until) break;
    world_->pass(*next - now());
    run_until_idle();
  }
  world_->pass(until - now());
}

bool VirtualRuntime::advance_to_next() {
  run_until_idle();
  const std::optional<TimePoint> next = next_deadline();
  if (!next) return false;
  world_->pass(*next - now());
  run_until_idle();
  return true;
}

TimePoint VirtualRuntime::now() const noexcept { return world_->now(); }
std::optional<TimePoint> VirtualRuntime::next_deadline() const noexcept { return world_->next_deadline(); }
std::size_t VirtualRuntime::pending_timers() const noexcept { return world_->pending_timers(); }
std::size_t VirtualRuntime::ready_jobs() const noexcept { return world_->ready_jobs(); }
void VirtualRuntime::spawn(std::function<void()> f) { world_->spawn(std::move(f)); }

}  // namespace engin::testing
