// Stands before lib/base/thread.h.
#ifndef ENGIN_TEST_LOWER_CUT_GROUND_BASE_THREAD_H_
#define ENGIN_TEST_LOWER_CUT_GROUND_BASE_THREAD_H_

#include <cerrno>
#include <cstddef>
#include <memory>
#include <source_location>
#include <string>
#include <utility>

#include "engin/detail/time.h"
#include "test/lower_cut/machine.h"

namespace engin::base {

class Thread {
 public:
  struct Options {
    std::string name = {};
    std::size_t stack_size = 0;
    std::shared_ptr<const void> keep_alive = {};
  };

  Thread() = default;
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  int start(Options options, void (*main)(void*), void* argument) noexcept {
    lower::Machine& machine = *lower::Machine::here();
    if (machine.refuses_thread()) return EAGAIN;
    if (joinable_) machine.fail("a thread is started in the place of another one");
    auto keep = std::make_shared<std::shared_ptr<const void>>(std::move(options.keep_alive));
    thread_ = &machine.start_thread(std::move(options.name), [main, argument, keep] {
      main(argument);
      // A shared_ptr's count is read, modified and written.
      lower::Machine::here()->fence(std::memory_order_seq_cst, std::source_location::current());
      keep->reset();
    });
    joinable_ = true;
    machine.yield_point();
    return 0;
  }
  bool joinable() const noexcept { return joinable_; }
  void join() noexcept { join_or_leave(TimePoint::max()); }
  bool join_or_leave(TimePoint deadline) noexcept {
    if (!joinable_) return true;
    const bool ended = lower::Machine::here()->join(*thread_, deadline);
    joinable_ = false;
    thread_->detached = true;  // its place may be used again once it has ended
    return ended;
  }

 private:
  lower::SimThread* thread_ = nullptr;
  bool joinable_ = false;
};

}  // namespace engin::base

#endif  // ENGIN_TEST_LOWER_CUT_GROUND_BASE_THREAD_H_
