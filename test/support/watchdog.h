// Ends a process that hangs, and says first where every thread stands.
#ifndef ENGIN_TEST_SUPPORT_WATCHDOG_H_
#define ENGIN_TEST_SUPPORT_WATCHDOG_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

namespace engin::test {

/// Prints the stack of every thread of this process to standard error. SIGUSR2 must be free for it.
void dump_stacks();

/// A thread that wants to hear something every so often. If it does not, it prints all stacks, then what `tell` writes
/// (a supervisor's own account; given five seconds, since it may wait for a lock that is held), and ends the process
/// with status 70.
class Watchdog {
 public:
  static constexpr int Status = 70;

  Watchdog(std::chrono::milliseconds patience, std::function<void()> tell);
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  ~Watchdog();

  /// Something was done. Any thread.
  void alive() noexcept { alive_.fetch_add(1, std::memory_order_relaxed); }

 private:
  void watch();

  const std::chrono::milliseconds patience_;
  const std::function<void()> tell_;
  std::atomic<std::uint64_t> alive_{0};
  std::mutex mutex_;
  std::condition_variable ending_;
  bool end_ = false;
  std::thread thread_;
};

}  // namespace engin::test

#endif  // ENGIN_TEST_SUPPORT_WATCHDOG_H_
