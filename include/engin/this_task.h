// What code inside a task can ask and say.
#ifndef ENGIN_THIS_TASK_H_
#define ENGIN_THIS_TASK_H_

#include <cstdint>
#include <stop_token>

#include "engin/detail/export.h"
#include "engin/detail/time.h"
#include "engin/task_state.h"

/// Of the task in whose job the calling thread is: its body, its hook, or a blocking() function of its. A thread of its
/// own is outside, and so is the part of its parallel_for that one of oneTBB's workers runs. Outside any task the token
/// never stops, sleep_for sleeps and returns true, the others do nothing, so that a task function can be called from a
/// plain test.
namespace engin::this_task {

/// The token of this attempt; in a hook, the hook's own.
ENGIN_EXPORT std::stop_token stop_token();

/// The number of this attempt, from 1; 0 outside.
ENGIN_EXPORT std::uint64_t attempt() noexcept;

namespace detail {
ENGIN_EXPORT bool sleep_for(Duration d);
}

/// Blocks the thread. False as soon as stop is requested (at once, if it was before), true after `d`.
template <class Rep, class Period>
bool sleep_for(std::chrono::duration<Rep, Period> d) {
  return detail::sleep_for(engin::detail::saturate(d));
}

/// This attempt works: wait_ready() returns, and healthy running counts from now on (Backoff::reset_after).
ENGIN_EXPORT void ready();

/// This attempt is alive: TaskOptions::heartbeat_timeout counts from now on.
ENGIN_EXPORT void beat() noexcept;

/// Why stop was requested of this attempt; None if it was not.
ENGIN_EXPORT StopReason stop_reason() noexcept;

/// When this attempt (this hook) counts as a straggler; TimePoint::max() before stop was requested.
ENGIN_EXPORT TimePoint stop_deadline() noexcept;

}  // namespace engin::this_task

#endif  // ENGIN_THIS_TASK_H_
