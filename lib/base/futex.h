// Waiting for a word to change. Used where the standard library's waits lose wake-ups (std::atomic::wait) or cannot
// take an absolute monotonic deadline at full precision.
#ifndef ENGIN_LIB_BASE_FUTEX_H_
#define ENGIN_LIB_BASE_FUTEX_H_

#include <cstdint>

#include "base/atomic.h"
#include "engin/detail/time.h"

namespace engin::base {

using FutexWord = Atomic<std::uint32_t>;

/// Blocks while `word` holds `expected`, at most until `deadline` (max: for ever). May return early for no reason; the
/// caller looks again. False: the deadline has passed.
///
/// Not lost: a store to `word` that is followed by futex_wake either is seen here before sleeping, or wakes.
bool futex_wait(const FutexWord& word, std::uint32_t expected, TimePoint deadline) noexcept;

/// Wakes at most `count` of those who wait for `word`. Does not read it, so it may be gone already (a spurious wake-up
/// of whoever uses that memory next is all that can happen).
void futex_wake(const FutexWord& word, int count) noexcept;
void futex_wake_all(const FutexWord& word) noexcept;

}  // namespace engin::base

#endif  // ENGIN_LIB_BASE_FUTEX_H_
