// Stands before lib/base/shared_mutex.h.
#ifndef ENGIN_TEST_LOWER_CUT_GROUND_BASE_SHARED_MUTEX_H_
#define ENGIN_TEST_LOWER_CUT_GROUND_BASE_SHARED_MUTEX_H_

#include "test/lower_cut/machine.h"

namespace engin::base {

using SharedMutex = lower::SimMutex;

}  // namespace engin::base

#endif  // ENGIN_TEST_LOWER_CUT_GROUND_BASE_SHARED_MUTEX_H_
