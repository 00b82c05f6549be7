#include "runtime/thread_state.h"

#include <cfenv>
#include <string_view>

#include <sys/prctl.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace engin::runtime {
namespace {

// Rounding, traps, denormals; not the flags of what happened.
#if defined(__x86_64__)
constexpr unsigned kFlags = 0x3F;
unsigned floating_point_mode() noexcept { return _mm_getcsr() & ~kFlags; }
void set_floating_point_mode(unsigned mode) noexcept { _mm_setcsr(mode); }
#else
unsigned floating_point_mode() noexcept { return static_cast<unsigned>(std::fegetround()); }
void set_floating_point_mode(unsigned mode) noexcept { std::fesetround(static_cast<int>(mode)); }
#endif

}  // namespace

ThreadState ThreadState::current() noexcept {
  ThreadState state;
  pthread_sigmask(SIG_SETMASK, nullptr, &state.signal_mask_);
  state.floating_point_ = floating_point_mode();
  return state;
}

void ThreadState::apply() const noexcept {
  pthread_sigmask(SIG_SETMASK, &signal_mask_, nullptr);
  if (floating_point_mode() != floating_point_) set_floating_point_mode(floating_point_);
}

void ThreadState::reset_timer_slack() noexcept {
  ::prctl(PR_SET_TIMERSLACK, 0UL, 0UL, 0UL, 0UL);  // zero: the default
}

std::string ThreadState::differences() const {
  std::string list;
  const auto add = [&](std::string_view what) {
    if (!list.empty()) list += ", ";
    list += what;
  };
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  for (int signal = 1; signal < NSIG; ++signal) {
    if (sigismember(&mask, signal) == sigismember(&signal_mask_, signal)) continue;
    add("the signal mask");
    break;
  }
  if (floating_point_mode() != floating_point_) add("the floating-point mode");
  const int slack = ::prctl(PR_GET_TIMERSLACK, 0UL, 0UL, 0UL, 0UL);
  ::prctl(PR_SET_TIMERSLACK, 0UL, 0UL, 0UL, 0UL);
  if (slack != ::prctl(PR_GET_TIMERSLACK, 0UL, 0UL, 0UL, 0UL)) add("the timer slack");
  return list;
}

}  // namespace engin::runtime
