// A thread of the library's: started with a given stack, and either joined or left behind.
#ifndef ENGIN_LIB_BASE_THREAD_H_
#define ENGIN_LIB_BASE_THREAD_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>

#include <pthread.h>

#include "base/futex.h"
#include "engin/detail/time.h"

namespace engin::base {

/// What creates threads; a test puts its own in here to let it fail.
using CreateThread = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
extern std::atomic<CreateThread> create_thread;

/// One thread at a time: start, then join or join_or_leave, then perhaps start again.
///
/// The object must live until the thread has ended. Where nobody waits for that (leave), `keep_alive` is what owns it:
/// the thread gives it back as its last act.
class Thread {
 public:
  struct Options {
    std::string name = {};       // the first fifteen bytes are shown
    std::size_t stack_size = 0;  // bytes; 0: the system's default
    std::shared_ptr<const void> keep_alive = {};
  };

  Thread() = default;
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  /// Runs main(argument) in a new thread, in which every signal is blocked. Zero, or the error number of why there is
  /// no thread (EAGAIN, ENOMEM).
  int start(Options options, void (*main)(void*), void* argument) noexcept;
  /// Started and neither joined nor left.
  bool joinable() const noexcept { return joinable_; }
  void join() noexcept;
  /// Joins it if it ends before `deadline`; or else leaves it running, and returns false.
  bool join_or_leave(TimePoint deadline) noexcept;

 private:
  struct Start;
  static void* run(void* start) noexcept;

  // What the thread has said of itself. `thread_` is its own to write, before it says Running: the creator may get to
  // know the handle only after the thread has ended.
  enum State : std::uint32_t { Starting, Running, Ended };
  void await(State state) noexcept;

  pthread_t thread_{};
  bool joinable_ = false;
  FutexWord state_{Starting};
};

}  // namespace engin::base

#endif  // ENGIN_LIB_BASE_THREAD_H_
