// A report in one line.
#ifndef ENGIN_LIB_SUPERVISOR_REPORT_TEXT_H_
#define ENGIN_LIB_SUPERVISOR_REPORT_TEXT_H_

#include <string>

#include "engin/shutdown_report.h"

namespace engin {

/// Who did not end in time, and what else was not as it should be; empty if nothing was. For Event::detail of
/// EventKind::ShutdownEnded. What began the shutdown is not part of it.
std::string what_was_not_clean(const ShutdownReport& report);

}  // namespace engin

#endif  // ENGIN_LIB_SUPERVISOR_REPORT_TEXT_H_
