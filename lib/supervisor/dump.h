// What a supervisor does and why, on paper.
#ifndef ENGIN_LIB_SUPERVISOR_DUMP_H_
#define ENGIN_LIB_SUPERVISOR_DUMP_H_

#include <iosfwd>

#include "engin/snapshot.h"

namespace engin {

/// Supervisor::dump: a few lines about the whole, then one line for each task. Ends with a line end.
void write_dump(std::ostream& out, const SupervisorSnapshot& snapshot);

}  // namespace engin

#endif  // ENGIN_LIB_SUPERVISOR_DUMP_H_
