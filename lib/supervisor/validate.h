// Options that are refused, and how.
#ifndef ENGIN_LIB_SUPERVISOR_VALIDATE_H_
#define ENGIN_LIB_SUPERVISOR_VALIDATE_H_

#include <string>

#include "absl/status/status.h"
#include "engin/every.h"
#include "engin/task_options.h"

namespace engin {

/// TaskOptions::validate, for a periodic task too: there a restart comes at the next due time at the latest, so that a
/// limit may be in reach that the backoff alone would not reach. `periodic` may be null.
absl::Status validate(const TaskOptions& options, const detail::PeriodicSpec* periodic);

/// Throws InvalidOptions for a status whose message is "field: reason". `task`: its name, or empty.
[[noreturn]] void throw_invalid(const std::string& task, const absl::Status& status);

}  // namespace engin

#endif  // ENGIN_LIB_SUPERVISOR_VALIDATE_H_
