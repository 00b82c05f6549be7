// SIGTERM and SIGINT as a request to a supervisor. engin::Engin does this, and more, by itself.
#ifndef ENGIN_DOCS_EXAMPLES_TELEMETRY_SIGNALS_H_
#define ENGIN_DOCS_EXAMPLES_TELEMETRY_SIGNALS_H_

#include <engin/supervisor.h>

#include <cstring>
#include <thread>

#include <pthread.h>
#include <signal.h>

namespace telemetry {

/// Make it before any other thread exists: a signal goes to any thread that does not block it, and threads inherit
/// what their creator blocks. A thread of its own then waits for the signals in peace, where it may call anything; a
/// signal handler may not.
class SignalWatch {
 public:
  explicit SignalWatch(engin::Supervisor& supervisor) {
    sigemptyset(&signals_);
    for (const int signal : {SIGTERM, SIGINT, own_signal}) sigaddset(&signals_, signal);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    thread_ = std::jthread([this, &supervisor] {
      int signal = 0;
      sigwait(&signals_, &signal);
      if (signal != own_signal) supervisor.request_shutdown(strsignal(signal));
    });
  }
  ~SignalWatch() { pthread_kill(thread_.native_handle(), own_signal); }

 private:
  static constexpr int own_signal = SIGUSR1;  // ends the thread if nothing else did
  sigset_t signals_{};
  std::jthread thread_;
};

}  // namespace telemetry

#endif  // ENGIN_DOCS_EXAMPLES_TELEMETRY_SIGNALS_H_
