// Turns of phrase that explanations, events and reports share.
#ifndef ENGIN_LIB_SUPERVISOR_PHRASES_H_
#define ENGIN_LIB_SUPERVISOR_PHRASES_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "engin/failure.h"
#include "engin/task_state.h"

namespace engin {

/// "system_error: connection refused", on one line.
std::string failure_phrase(const Failure& failure);

/// "1 restart", "2,000 restarts"
std::string count_phrase(std::uint64_t count, std::string_view one, std::string_view many);

/// What a stop was for: "for the shutdown", "on request", "for a restart", "since it was unresponsive"; else empty.
std::string_view reason_phrase(StopReason reason) noexcept;

}  // namespace engin

#endif  // ENGIN_LIB_SUPERVISOR_PHRASES_H_
