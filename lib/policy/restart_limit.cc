#include "engin/restart_limit.h"

#include "absl/status/status.h"
#include "policy/reachable.h"

namespace engin {

absl::Status RestartLimit::validate(const Backoff& backoff) const {
  return policy::validate(*this, backoff, Duration::max());
}

}  // namespace engin
