#include "base/thread.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <new>
#include <utility>

#include <unistd.h>

namespace engin::base {

std::atomic<CreateThread> create_thread{&pthread_create};

struct Thread::Start {
  Thread* thread;
  Options options;
  void (*main)(void*);
  void* argument;
};

namespace {

std::size_t allowed_stack_size(std::size_t wanted) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t size = std::max(wanted, static_cast<std::size_t>(PTHREAD_STACK_MIN));
  return (size + page - 1) / page * page;
}

int create(pthread_t& thread, std::size_t stack_size, void* (*main)(void*), void* argument) {
  pthread_attr_t attributes;
  if (const int error = pthread_attr_init(&attributes); error != 0) return error;
  if (stack_size > 0) pthread_attr_setstacksize(&attributes, allowed_stack_size(stack_size));
  // A thread begins with its creator's mask. Blocked here, so that no signal is handled there before its time.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = create_thread.load(std::memory_order_relaxed)(&thread, &attributes, main, argument);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  return error;
}

}  // namespace

int Thread::start(Options options, void (*main)(void*), void* argument) noexcept {
  std::unique_ptr<Start> start(new (std::nothrow) Start{this, std::move(options), main, argument});
  if (start == nullptr) return ENOMEM;
  state_.store(Starting, std::memory_order_relaxed);
  joinable_ = true;
  pthread_t handle{};
  if (const int error = create(handle, start->options.stack_size, &Thread::run, start.get()); error != 0) {
    joinable_ = false;
    return error;
  }
  start.release();  // NOLINT(bugprone-unused-return-value): the thread's now
  return 0;
}

void* Thread::run(void* start) noexcept {
  const std::unique_ptr<Start> owned(static_cast<Start*>(start));
  Thread& self = *owned->thread;
  self.thread_ = pthread_self();
  self.state_.store(Running, std::memory_order_release);
  futex_wake_all(self.state_);
  owned->options.name.resize(std::min<std::size_t>(owned->options.name.size(), 15));
  pthread_setname_np(pthread_self(), owned->options.name.c_str());
  owned->main(owned->argument);
  self.state_.store(Ended, std::memory_order_release);
  futex_wake_all(self.state_);
  return nullptr;  // gives keep_alive back
}

void Thread::await(State state) noexcept {
  for (std::uint32_t now; (now = state_.load(std::memory_order_acquire)) < state;) {
    futex_wait(state_, now, TimePoint::max());
  }
}

void Thread::join() noexcept {
  if (!joinable_) return;
  await(Running);
  pthread_join(thread_, nullptr);
  joinable_ = false;
}

bool Thread::join_or_leave(TimePoint deadline) noexcept {
  if (!joinable_) return true;
  await(Running);
  while (state_.load(std::memory_order_acquire) != Ended) {
    if (futex_wait(state_, Running, deadline) || state_.load(std::memory_order_acquire) == Ended) continue;
    pthread_detach(thread_);
    joinable_ = false;
    return false;
  }
  join();
  return true;
}

}  // namespace engin::base
