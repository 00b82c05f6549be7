#include "runtime/fiber.h"

#include <cxxabi.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <new>

#include "base/context_slot.h"

#if defined(__SANITIZE_ADDRESS__)
#define ENGIN_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ENGIN_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define ENGIN_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ENGIN_TSAN 1
#endif
#endif

#ifdef ENGIN_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef ENGIN_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace engin::runtime {

namespace {

constexpr std::size_t StackSize = std::size_t{256} << 10;
thread_local Fiber* came_from = nullptr;  // across one switch

}  // namespace

Fiber::Fiber() noexcept {
#ifdef ENGIN_TSAN
  sanitizer_fiber_ = __tsan_get_current_fiber();
#endif
}

Fiber::Fiber(Entry entry, void* argument) : entry_(entry), argument_(argument) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  stack_size_ = StackSize + page;
  void* memory = ::mmap(nullptr, stack_size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  stack_ = static_cast<std::byte*>(memory);
  ::mprotect(stack_, page, PROT_NONE);  // running over the end is a fault, not a mystery
  ::getcontext(&context_);
  context_.uc_stack.ss_sp = stack_ + page;
  context_.uc_stack.ss_size = StackSize;
  sanitizer_stack_ = stack_ + page;
  sanitizer_stack_size_ = StackSize;
  const auto self = reinterpret_cast<std::uintptr_t>(this);
  ::makecontext(&context_, reinterpret_cast<void (*)()>(&Fiber::begin), 2, static_cast<unsigned int>(self >> 32),
                static_cast<unsigned int>(self));
#ifdef ENGIN_TSAN
  sanitizer_fiber_ = __tsan_create_fiber(0);
#endif
}

Fiber::~Fiber() {
  if (stack_ == nullptr) return;
#ifdef ENGIN_TSAN
  __tsan_destroy_fiber(sanitizer_fiber_);
#endif
  ::munmap(stack_, stack_size_);
}

void Fiber::begin(unsigned int high, unsigned int low) {
  auto* const self = reinterpret_cast<Fiber*>((static_cast<std::uintptr_t>(high) << 32) | low);
  self->arrived();
  self->entry_(self->argument_);
}

void Fiber::arrived() noexcept {
#ifdef ENGIN_ASAN
  __sanitizer_finish_switch_fiber(fake_stack_, &came_from->sanitizer_stack_, &came_from->sanitizer_stack_size_);
#endif
  base::set_context_slot(job_context_);
  std::memcpy(static_cast<void*>(__cxxabiv1::__cxa_get_globals()), &exceptions_, sizeof exceptions_);
}

void Fiber::change(Fiber& from, Fiber& to) noexcept {
  from.job_context_ = base::context_slot();
  std::memcpy(&from.exceptions_, static_cast<void*>(__cxxabiv1::__cxa_get_globals()), sizeof from.exceptions_);
  came_from = &from;
#ifdef ENGIN_ASAN
  __sanitizer_start_switch_fiber(&from.fake_stack_, to.sanitizer_stack_, to.sanitizer_stack_size_);
#endif
#ifdef ENGIN_TSAN
  __tsan_switch_to_fiber(to.sanitizer_fiber_, 0);
#endif
  ::swapcontext(&from.context_, &to.context_);
  from.arrived();
}

}  // namespace engin::runtime
