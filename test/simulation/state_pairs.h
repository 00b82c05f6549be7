// Which (state, event) pairs of the task state machine the simulation has reached.
#ifndef ENGIN_TEST_SIMULATION_STATE_PAIRS_H_
#define ENGIN_TEST_SIMULATION_STATE_PAIRS_H_

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/state_machine.h"

namespace engin::simulation {

struct StatePair {
  TaskState state;
  detail::TaskEvent event;
  std::uint64_t times;       // so far, in this process
  std::string_view why_not;  // if it cannot be reached although the table allows it; else empty
};

/// Every pair that the table allows. The linker leads all calls of next_state() through a counter
/// (test/CMakeLists.txt).
std::vector<StatePair> state_pairs();
std::string name_of(const StatePair& pair);
/// The counts, and what was not reached.
void print_state_pairs(std::ostream& out);

}  // namespace engin::simulation

#endif  // ENGIN_TEST_SIMULATION_STATE_PAIRS_H_
