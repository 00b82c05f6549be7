// One run of a program on the simulated machine, and the judge that watches it.
#ifndef ENGIN_TEST_LOWER_CUT_RUN_H_
#define ENGIN_TEST_LOWER_CUT_RUN_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "test/lower_cut/program.h"
#include "test/simulation/strategy.h"

namespace engin::lower {

struct Result {
  std::string failure;  // what broke first, beginning with the invariant; empty: nothing
  std::size_t steps = 0;
  std::size_t choices = 0;
  std::uint64_t schedule = 0;  // a hash of all choices
};

Result run(const Program& program, simulation::Strategy& strategy,
           const std::function<void(const std::string&)>& trace = {});

}  // namespace engin::lower

#endif  // ENGIN_TEST_LOWER_CUT_RUN_H_
