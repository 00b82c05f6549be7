// Whether a restart limit can ever be reached.
#ifndef ENGIN_LIB_POLICY_REACHABLE_H_
#define ENGIN_LIB_POLICY_REACHABLE_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "engin/backoff.h"
#include "engin/detail/time.h"
#include "engin/restart_limit.h"

namespace engin::policy {

/// The shortest time from one restart to the n-th after it, when each attempt fails at once and each delay is the
/// earliest of its range; the delays may begin again after `reset_after` of healthy running where that is quicker.
/// Saturates at Duration::max(). Never too long; where the rule is odd (a schedule that goes up and down together with
/// a short `reset_after`, a multiplier barely above 1) it may be too short.
///
/// `longest_delay` caps each delay: a periodic task's next call comes at the next due time at the latest.
Duration shortest_time_of(std::uint64_t n, const Backoff& backoff, Duration longest_delay = Duration::max());

/// RestartLimit::validate for a task whose delays are capped.
absl::Status validate(const RestartLimit& limit, const Backoff& backoff, Duration longest_delay);

}  // namespace engin::policy

#endif  // ENGIN_LIB_POLICY_REACHABLE_H_
