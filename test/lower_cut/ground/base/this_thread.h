// Stands before lib/base/this_thread.h.
#ifndef ENGIN_TEST_LOWER_CUT_GROUND_BASE_THIS_THREAD_H_
#define ENGIN_TEST_LOWER_CUT_GROUND_BASE_THIS_THREAD_H_

#include <sys/types.h>

#include "test/lower_cut/machine.h"

namespace engin::base::this_thread {

/// One pointer a thread is all that there is.
template <class T>
struct Own {
  operator T*() const noexcept { return static_cast<T*>(lower::Machine::here()->running().own); }
  void operator=(T* pointer) noexcept { lower::Machine::here()->running().own = pointer; }
};
template <class T>
Own<T> own() noexcept {
  return {};
}

inline pid_t id() noexcept { return static_cast<pid_t>(lower::Machine::here()->running().id); }
inline void yield() noexcept { lower::Machine::here()->yield(); }
inline void sleep_precisely() noexcept {}

}  // namespace engin::base::this_thread

#endif  // ENGIN_TEST_LOWER_CUT_GROUND_BASE_THIS_THREAD_H_
