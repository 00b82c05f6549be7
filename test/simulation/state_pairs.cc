#include "test/simulation/state_pairs.h"

#include <array>
#include <atomic>
#include <optional>
#include <ostream>

// The linker's --wrap sends calls of next_state() to the first of these, and calls of the second to next_state().
std::optional<engin::TaskState> counted_next_state(engin::TaskState state, engin::detail::TaskEvent event) noexcept
    __asm__("__wrap__ZN5engin6detail10next_stateENS_9TaskStateENS0_9TaskEventE");
std::optional<engin::TaskState> real_next_state(engin::TaskState state, engin::detail::TaskEvent event) noexcept
    __asm__("__real__ZN5engin6detail10next_stateENS_9TaskStateENS0_9TaskEventE");

namespace {

using engin::TaskState;
using engin::detail::TaskEvent;

std::array<std::array<std::atomic<std::uint64_t>, engin::detail::TaskEventCount>, engin::detail::TaskStateCount> counts;

}  // namespace

std::optional<TaskState> counted_next_state(TaskState state, TaskEvent event) noexcept {
  counts[static_cast<std::size_t>(state)][static_cast<std::size_t>(event)].fetch_add(1, std::memory_order_relaxed);
  return real_next_state(state, event);
}

namespace engin::simulation {

namespace {

struct Impossible {
  TaskState state;
  TaskEvent event;
  std::string_view why;
};
constexpr Impossible NotReached[] = {
    {TaskState::Queued, TaskEvent::Post,
     "schedule() is called of what is registered, ended, due, or has just ended its attempt or stop"},
    {TaskState::Queued, TaskEvent::EndStopped, "stop_as() and give_up_at_deadline() begin a stop first"},
    {TaskState::Running, TaskEvent::EndStopped,
     "only Follow::Stop ends so; then a stop has begun, or shutdown has, and end_with() begins one"},
    {TaskState::Backoff, TaskEvent::EndStopped, "as Queued"},
    {TaskState::CoolingDown, TaskEvent::EndStopped, "as Queued"},
};

}  // namespace

std::vector<StatePair> state_pairs() {
  std::vector<StatePair> pairs;
  for (std::size_t s = 0; s < detail::TaskStateCount; ++s) {
    for (std::size_t e = 0; e < detail::TaskEventCount; ++e) {
      StatePair pair{static_cast<TaskState>(s), static_cast<TaskEvent>(e), counts[s][e].load(), {}};
      if (!real_next_state(pair.state, pair.event)) continue;
      for (const Impossible& i : NotReached) {
        if (i.state == pair.state && i.event == pair.event) pair.why_not = i.why;
      }
      pairs.push_back(pair);
    }
  }
  return pairs;
}

std::string name_of(const StatePair& pair) {
  return std::string(to_string(pair.state)) + " + " + std::string(to_string(pair.event));
}

void print_state_pairs(std::ostream& out) {
  std::size_t possible = 0;
  std::size_t reached = 0;
  for (const StatePair& pair : state_pairs()) {
    possible += pair.why_not.empty() ? 1 : 0;
    reached += pair.times > 0 ? 1 : 0;
    out << "  " << name_of(pair) << ": " << pair.times;
    if (!pair.why_not.empty()) out << ", cannot be: " << pair.why_not;
    out << "\n";
  }
  out << reached << " of " << possible << " (state, event) pairs reached" << std::endl;
}

}  // namespace engin::simulation
