#include "host/signals.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "engin/errors.h"

namespace engin::host {

namespace {

// What the handler reads. Lock-free atomics only: it may interrupt anything.
std::atomic<int> write_end{-1};
std::atomic<pid_t> owner{0};
std::atomic<int> received{0};

// The pipe stays open for good: a handler that was late, on another thread, may still write to it.
int read_end = -1;
pid_t pipe_owner = 0;
std::atomic<bool> taken{false};

constexpr unsigned char end_of_listening = 0;

void write_byte(unsigned char byte) noexcept {
  while (write(write_end.load(std::memory_order_relaxed), &byte, 1) < 0 && errno == EINTR) {
  }
}

extern "C" void engin_on_signal(int signal) {
  const int saved = errno;
  if (owner.load(std::memory_order_relaxed) != getpid()) {
    // A forked child that has not called exec() yet: it must not write into its parent's pipe, nor survive.
    std::signal(signal, SIG_DFL);
    (void)raise(signal);  // it is blocked until we return, and ends the child then
  } else {
    // The second one names who is running; if even that hangs, the third one still ends the process.
    if (received.fetch_add(1, std::memory_order_relaxed) >= 2) _exit(128 + signal);
    write_byte(static_cast<unsigned char>(signal));
  }
  errno = saved;
}

StartFailed failed(const std::string& what) {
  return StartFailed("engin: signals: " + what + ": " + std::generic_category().message(errno));
}

void open_pipe() {
  if (pipe_owner == getpid()) {
    for (unsigned char stale = 0; read(read_end, &stale, 1) > 0;) {
    }
    return;
  }
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) throw failed("no pipe");
  read_end = ends[0];
  write_end = ends[1];
  pipe_owner = getpid();
}

}  // namespace

Signals::Signals(const std::vector<int>& signals, OnSignal on_signal) : on_signal_(std::move(on_signal)) {
  if (taken.exchange(true)) {
    throw StartFailed(
        "engin: another Engin of this process handles signals; use handle_signals(false) for one of them");
  }
  sigemptyset(&handled_);
  for (const int signal : signals) sigaddset(&handled_, signal);
  try {
    open_pipe();
    owner = getpid();
    received = 0;
    base::Thread::Options options;
    options.name = "engin-signals";
    const int error =
        thread_.start(std::move(options), [](void* self) { static_cast<Signals*>(self)->listen(); }, this);
    if (error != 0) {
      errno = error;
      throw failed("no thread");
    }
    for (const int signal : signals) {
      struct sigaction action{};
      action.sa_handler = &engin_on_signal;
      action.sa_flags = SA_RESTART;
      sigemptyset(&action.sa_mask);
      struct sigaction before{};
      if (sigaction(signal, &action, &before) != 0) throw failed("cannot handle " + signal_name(signal));
      previous_.emplace_back(signal, before);
    }
  } catch (...) {
    restore();
    throw;
  }
}

Signals::~Signals() { restore(); }

void Signals::restore() noexcept {
  for (auto previous = previous_.rbegin(); previous != previous_.rend(); ++previous) {
    sigaction(previous->first, &previous->second, nullptr);
  }
  if (thread_.joinable()) {
    write_byte(end_of_listening);
    thread_.join();
  }
  taken = false;
}

void Signals::listen() {
  // Never blocked here, so that there is a thread to take them if the program blocks them in all of its own.
  pthread_sigmask(SIG_UNBLOCK, &handled_, nullptr);
  for (int count = 0;;) {
    pollfd waiting{.fd = read_end, .events = POLLIN, .revents = 0};
    if (poll(&waiting, 1, -1) < 0) continue;
    unsigned char byte = 0;
    if (read(read_end, &byte, 1) != 1) continue;
    if (byte == end_of_listening) return;
    on_signal_(byte, ++count);
  }
}

std::string signal_name(int signal) {
  const char* const name = sigabbrev_np(signal);
  return name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(signal);
}

}  // namespace engin::host
