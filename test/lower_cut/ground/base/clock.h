// Stands before lib/base/clock.h.
#ifndef ENGIN_TEST_LOWER_CUT_GROUND_BASE_CLOCK_H_
#define ENGIN_TEST_LOWER_CUT_GROUND_BASE_CLOCK_H_

#include "engin/detail/time.h"
#include "test/lower_cut/machine.h"

namespace engin::base {

inline TimePoint now() noexcept { return lower::Machine::here()->read_clock(); }

}  // namespace engin::base

#endif  // ENGIN_TEST_LOWER_CUT_GROUND_BASE_CLOCK_H_
