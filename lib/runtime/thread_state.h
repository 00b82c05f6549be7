// What a plain callable finds on its thread, and what the one before it may have left behind.
#ifndef ENGIN_LIB_RUNTIME_THREAD_STATE_H_
#define ENGIN_LIB_RUNTIME_THREAD_STATE_H_

#include <csignal>
#include <string>

namespace engin::runtime {

/// The signal mask and the floating-point mode of a thread; and its timer slack, which is the default.
class ThreadState {
 public:
  /// That of the calling thread.
  static ThreadState current() noexcept;
  /// Gives mask and mode to the calling thread.
  void apply() const noexcept;
  static void reset_timer_slack() noexcept;
  /// What the calling thread has otherwise: a list for a person, empty if nothing.
  std::string differences() const;

 private:
  sigset_t signal_mask_{};
  unsigned floating_point_ = 0;
};

}  // namespace engin::runtime

#endif  // ENGIN_LIB_RUNTIME_THREAD_STATE_H_
