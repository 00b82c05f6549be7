// The observer that a supervisor has unless it was told otherwise.
#ifndef ENGIN_LIB_SUPERVISOR_DEFAULT_OBSERVER_H_
#define ENGIN_LIB_SUPERVISOR_DEFAULT_OBSERVER_H_

#include <memory>

#include "engin/event.h"

namespace engin {

/// A text observer on standard error (file descriptor 2, not std::cerr). Each line is one write, so that lines of other
/// threads and processes do not mix with it. It throws nothing, raises no signal, and does not wait for a reader: what
/// is not taken within 50 ms is lost, and a later line says how many were.
std::shared_ptr<Observer> make_default_observer();

/// The same on another file descriptor, which must stay open.
std::shared_ptr<Observer> make_descriptor_observer(int descriptor);

}  // namespace engin

#endif  // ENGIN_LIB_SUPERVISOR_DEFAULT_OBSERVER_H_
