// Stands before lib/runtime/spin.h.
#ifndef ENGIN_TEST_LOWER_CUT_GROUND_RUNTIME_SPIN_H_
#define ENGIN_TEST_LOWER_CUT_GROUND_RUNTIME_SPIN_H_

namespace engin::runtime {

inline void spin_pause() noexcept {}

}  // namespace engin::runtime

#endif  // ENGIN_TEST_LOWER_CUT_GROUND_RUNTIME_SPIN_H_
