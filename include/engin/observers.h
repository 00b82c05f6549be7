// The observers that come with engin.
#ifndef ENGIN_OBSERVERS_H_
#define ENGIN_OBSERVERS_H_

#include <iosfwd>
#include <memory>

#include "engin/detail/export.h"
#include "engin/event.h"

namespace engin {

/// What a person must see, one line an event: failures with the decision, restarts after trouble, stragglers,
/// starvation, the shutdown and its cause. At most 10 lines a second per task and 100 in all; the rest is condensed
/// ("failed 214 times in the last minute, last: ..."). The default observer is one of these on standard error.
ENGIN_EXPORT std::shared_ptr<Observer> text_observer(std::ostream& out);
/// Every event as one line of JSON. `out` must outlive the observer.
ENGIN_EXPORT std::shared_ptr<Observer> json_observer(std::ostream& out);

}  // namespace engin

#endif  // ENGIN_OBSERVERS_H_
