// Takes signals while an Engin runs.
#ifndef ENGIN_LIB_HOST_SIGNALS_H_
#define ENGIN_LIB_HOST_SIGNALS_H_

#include <csignal>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/thread.h"

namespace engin::host {

/// A handler, installed for the whole process while this object lives, writes each signal's number into a pipe; a
/// thread of ours reads it and calls `on_signal` there, which may lock, allocate and print.
///
/// Why a handler, and not a mask and sigwait: a child inherits the mask of the thread that starts it, so tasks could
/// start no child that SIGTERM ends, unless they run with the mask that the program had; and threads that were there
/// before us do anyway. With a handler it does not matter which thread the system picks, and exec() drops it. The
/// system picks the main thread where it can, which sits in Engin::run().
class Signals {
 public:
  /// Called with the number of the signal, and how many came so far, one after the other.
  using OnSignal = std::function<void(int signal, int count)>;

  /// Throws StartFailed if a signal cannot be handled, another Engin handles signals, or there is no thread or no pipe.
  Signals(const std::vector<int>& signals, OnSignal on_signal);
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  /// Puts the previous handlers back.
  ~Signals();

 private:
  void listen();
  void restore() noexcept;

  std::vector<std::pair<int, struct sigaction>> previous_;
  sigset_t handled_;
  OnSignal on_signal_;
  base::Thread thread_;
};

/// "SIGTERM"
std::string signal_name(int signal);

}  // namespace engin::host

#endif  // ENGIN_LIB_HOST_SIGNALS_H_
