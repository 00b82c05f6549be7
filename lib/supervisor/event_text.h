// Events as lines for people.
#ifndef ENGIN_LIB_SUPERVISOR_EVENT_TEXT_H_
#define ENGIN_LIB_SUPERVISOR_EVENT_TEXT_H_

#include <string>
#include <string_view>

#include "engin/event.h"

namespace engin {

/// "engin[ingest]: uplink: attempt 7 failed after 1.5 s with system_error: connection refused; next attempt in 14 s"
std::string event_line(const Event& event);
/// The same beginning, with other words for what happened.
std::string event_line(const Event& event, std::string_view what);
/// "engin[ingest]: "
std::string supervisor_prefix(std::string_view name);

}  // namespace engin

#endif  // ENGIN_LIB_SUPERVISOR_EVENT_TEXT_H_
