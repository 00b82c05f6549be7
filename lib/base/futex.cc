#include "base/futex.h"

#include <cerrno>
#include <climits>
#include <ctime>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace engin::base {
namespace {

static_assert(sizeof(FutexWord) == 4 && FutexWord::is_always_lock_free);

long futex(const FutexWord& word, int operation, std::uint32_t value, const timespec* deadline) noexcept {
  return syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, deadline, nullptr, FUTEX_BITSET_MATCH_ANY);
}

}  // namespace

bool futex_wait(const FutexWord& word, std::uint32_t expected, TimePoint deadline) noexcept {
  constexpr auto kSecond = Duration(std::chrono::seconds(1)).count();
  timespec until{};
  const timespec* limit = nullptr;
  if (deadline != TimePoint::max()) {
    // Times before the epoch of the clock are as past as the epoch is; the kernel refuses them.
    const auto since_epoch = deadline.time_since_epoch().count();
    const auto count = since_epoch < 0 ? 0 : since_epoch;
    until.tv_sec = static_cast<time_t>(count / kSecond);
    until.tv_nsec = static_cast<long>(count % kSecond);
    limit = &until;
  }
  // FUTEX_WAIT_BITSET takes an absolute time of CLOCK_MONOTONIC, which is what steady_clock reads on Linux.
  if (futex(word, FUTEX_WAIT_BITSET, expected, limit) == 0) return true;
  return errno != ETIMEDOUT;
}

void futex_wake(const FutexWord& word, int count) noexcept {
  futex(word, FUTEX_WAKE, static_cast<std::uint32_t>(count), nullptr);
}

void futex_wake_all(const FutexWord& word) noexcept { futex_wake(word, INT_MAX); }

}  // namespace engin::base
