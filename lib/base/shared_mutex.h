#ifndef ENGIN_LIB_BASE_SHARED_MUTEX_H_
#define ENGIN_LIB_BASE_SHARED_MUTEX_H_

#include <shared_mutex>

namespace engin::base {

/// For std::unique_lock and std::shared_lock.
using SharedMutex = std::shared_mutex;

}  // namespace engin::base

#endif  // ENGIN_LIB_BASE_SHARED_MUTEX_H_
