#include "base/asymmetric_fence.h"

#include <cstdio>
#include <cstdlib>

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace engin::base {

namespace {

bool membarrier(int command) noexcept { return syscall(SYS_membarrier, command, 0, 0) == 0; }

}  // namespace

std::atomic<bool> AsymmetricFence::kernel_helps_{false};

void AsymmetricFence::prepare() noexcept {
  static const bool helps = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
  kernel_helps_.store(helps, std::memory_order_relaxed);
}

void AsymmetricFence::heavy() noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!kernel_helps_.load(std::memory_order_relaxed) || membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) return;
  // The other side relies on it. Only a filter of system calls that came later takes it away.
  std::fprintf(stderr, "engin: membarrier(2) worked at the start and fails now; is it filtered (seccomp)?\n");
  std::abort();
}

}  // namespace engin::base
