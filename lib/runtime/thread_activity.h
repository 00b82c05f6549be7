// What another thread of this process is doing, as the kernel sees it.
#ifndef ENGIN_LIB_RUNTIME_THREAD_ACTIVITY_H_
#define ENGIN_LIB_RUNTIME_THREAD_ACTIVITY_H_

#include <sys/types.h>

#include "engin/detail/time.h"

namespace engin::runtime {

struct Activity {
  bool asleep = true;         ///< it waits for something; or else it runs, or would if it had a processor
  Duration processor_time{};  ///< used by it so far
};

/// Some 5 us. A thread that is gone, or a system without /proc: asleep.
Activity activity_of(pid_t thread) noexcept;

}  // namespace engin::runtime

#endif  // ENGIN_LIB_RUNTIME_THREAD_ACTIVITY_H_
