// Stands before lib/base/futex.h.
#ifndef ENGIN_TEST_LOWER_CUT_GROUND_BASE_FUTEX_H_
#define ENGIN_TEST_LOWER_CUT_GROUND_BASE_FUTEX_H_

#include <climits>
#include <cstdint>

#include "base/atomic.h"
#include "engin/detail/time.h"

namespace engin::base {

using FutexWord = Atomic<std::uint32_t>;

inline bool futex_wait(const FutexWord& word, std::uint32_t expected, TimePoint deadline) noexcept {
  return lower::Machine::here()->futex_wait(word.cell(), expected, deadline);
}
inline void futex_wake(const FutexWord& word, int count) noexcept {
  if (lower::Machine* machine = lower::Machine::here()) machine->futex_wake(word.cell(), count);
}
inline void futex_wake_all(const FutexWord& word) noexcept { futex_wake(word, INT_MAX); }

}  // namespace engin::base

#endif  // ENGIN_TEST_LOWER_CUT_GROUND_BASE_FUTEX_H_
