// What a plain callable finds on its thread, and what the one before it may have left behind.
#ifndef ENGIN_LIB_RUNTIME_THREAD_STATE_H_
#define ENGIN_LIB_RUNTIME_THREAD_STATE_H_

#include <csignal>

namespace engin::runtime {

/// The signal mask and the floating-point mode of a thread.
class ThreadState {
 public:
  /// That of the calling thread.
  static ThreadState current() noexcept;
  /// Gives it to the calling thread.
  void apply() const noexcept;

 private:
  sigset_t signal_mask_{};
  unsigned floating_point_ = 0;
};

}  // namespace engin::runtime

#endif  // ENGIN_LIB_RUNTIME_THREAD_STATE_H_
