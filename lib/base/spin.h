#ifndef ENGIN_LIB_BASE_SPIN_H_
#define ENGIN_LIB_BASE_SPIN_H_

namespace engin::base {

/// Tells the processor that this thread waits for another one.
inline void spin_pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace engin::base

#endif  // ENGIN_LIB_BASE_SPIN_H_
