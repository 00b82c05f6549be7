// The time below the runtime's interface; above it, ask Runtime::now.
#ifndef ENGIN_LIB_BASE_CLOCK_H_
#define ENGIN_LIB_BASE_CLOCK_H_

#include "engin/detail/time.h"

namespace engin::base {

inline TimePoint now() noexcept { return Clock::now(); }

}  // namespace engin::base

#endif  // ENGIN_LIB_BASE_CLOCK_H_
