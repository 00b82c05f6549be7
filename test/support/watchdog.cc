#include "test/support/watchdog.h"

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include <execinfo.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "absl/debugging/symbolize.h"

namespace engin::test {

namespace {

/// What the thread that was asked last wrote down. One is asked at a time.
struct Answer {
  std::array<void*, 64> frames{};
  std::atomic<int> depth{-1};
};
Answer answer;

void take_stack(int) {
  const int saved = errno;
  answer.depth.store(backtrace(answer.frames.data(), static_cast<int>(answer.frames.size())));
  errno = saved;
}

void print_answer() {
  const int depth = answer.depth.load();
  for (int i = 2; i < depth; ++i) {  // without the handler and what called it
    std::array<char, 256> name{};
    void* const at = answer.frames[static_cast<std::size_t>(i)];
    const bool known = absl::Symbolize(static_cast<char*>(at) - 1, name.data(), static_cast<int>(name.size()));
    std::fprintf(stderr, "    %p %s\n", at, known ? name.data() : "?");
  }
}

}  // namespace

void dump_stacks() {
  absl::InitializeSymbolizer(std::filesystem::read_symlink("/proc/self/exe").c_str());
  backtrace(answer.frames.data(), 1);  // the first call may allocate
  struct sigaction act{};
  act.sa_handler = &take_stack;
  act.sa_flags = SA_RESTART;
  sigaction(SIGUSR2, &act, nullptr);
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    const int thread = std::atoi(entry.path().filename().c_str());
    std::string name;
    std::getline(std::ifstream(entry.path() / "comm"), name);
    std::fprintf(stderr, "stack of thread %d (%s)\n", thread, name.c_str());
    answer.depth.store(-1);
    if (syscall(SYS_tgkill, getpid(), thread, SIGUSR2) != 0) continue;  // it has just ended
    for (int i = 0; i < 1000 && answer.depth.load() < 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    print_answer();
  }
}

Watchdog::Watchdog(std::chrono::milliseconds patience, std::function<void()> tell)
    : patience_(patience), tell_(std::move(tell)), thread_([this] { watch(); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    end_ = true;
  }
  ending_.notify_all();
  thread_.join();
}

void Watchdog::watch() {
  std::uint64_t seen = alive_.load();
  std::unique_lock lock(mutex_);
  while (!ending_.wait_until(lock, std::chrono::steady_clock::now() + patience_, [this] { return end_; })) {
    if (const std::uint64_t now = alive_.load(); now != seen) {
      seen = now;
      continue;
    }
    std::fprintf(stderr, "watchdog: nothing was done for %lld ms\n", static_cast<long long>(patience_.count()));
    dump_stacks();
    std::thread([this] {
      tell_();
      std::fflush(nullptr);
      std::_Exit(Status);
    }).detach();
    std::this_thread::sleep_for(std::chrono::seconds(5));
    std::fprintf(stderr, "watchdog: and nobody can be asked\n");
    std::_Exit(Status);
  }
}

}  // namespace engin::test
