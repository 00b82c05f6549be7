#include "supervisor/default_observer.h"

#include <cerrno>
#include <ctime>
#include <exception>
#include <memory>
#include <string>
#include <string_view>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "base/mutex.h"
#include "supervisor/event_printer.h"

namespace engin {

namespace {

// While it lives, a write to a pipe that nobody reads any more fails, instead of ending the process.
class WithoutSigpipe {
 public:
  WithoutSigpipe() {
    sigemptyset(&sigpipe_);
    sigaddset(&sigpipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    if (!was_pending_) pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
  }
  WithoutSigpipe(const WithoutSigpipe&) = delete;
  WithoutSigpipe& operator=(const WithoutSigpipe&) = delete;
  ~WithoutSigpipe() {
    if (was_pending_) return;
    if (raised_) {
      const timespec at_once{};
      while (sigtimedwait(&sigpipe_, nullptr, &at_once) == -1 && errno == EINTR) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  void raised() noexcept { raised_ = true; }

 private:
  sigset_t sigpipe_{};
  sigset_t before_{};
  bool was_pending_ = false;
  bool raised_ = false;
};

// False if the reader did not make room, or there is none.
bool write_line(int descriptor, std::string_view line) noexcept {
  constexpr int patience_ms = 50;
  WithoutSigpipe guard;
  while (!line.empty()) {
    pollfd ready{descriptor, POLLOUT, 0};
    const int polled = poll(&ready, 1, patience_ms);
    if (polled == 0) return false;
    if (polled < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    const ssize_t written = write(descriptor, line.data(), line.size());
    if (written < 0) {
      if (errno == EINTR || errno == EAGAIN) continue;
      if (errno == EPIPE) guard.raised();
      return false;
    }
    line.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

class DescriptorObserver final : public Observer {
 public:
  explicit DescriptorObserver(int descriptor) : descriptor_(descriptor) {}

  void on_event(const Event& event) override {
    std::string lines;
    {
      const base::Lock lock(mutex_);
      try {
        printer_.take(event, lines);
      } catch (const std::exception&) {
        printer_.lost(1);
      }
    }
    // Without the lock: a slow reader holds back only those who have something to say. One task's lines stay in order
    // all the same, since its events come one at a time.
    std::uint64_t lost = 0;
    for (std::string_view rest = lines; !rest.empty();) {
      const std::size_t length = rest.find('\n') + 1;
      if (!write_line(descriptor_, rest.substr(0, length))) ++lost;
      rest.remove_prefix(length);
    }
    if (lost > 0) {
      const base::Lock lock(mutex_);
      printer_.lost(lost);
    }
  }

 private:
  const int descriptor_;
  base::Mutex mutex_;
  EventPrinter printer_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::shared_ptr<Observer> make_default_observer() { return make_descriptor_observer(STDERR_FILENO); }

std::shared_ptr<Observer> make_descriptor_observer(int descriptor) {
  return std::make_shared<DescriptorObserver>(descriptor);
}

}  // namespace engin
