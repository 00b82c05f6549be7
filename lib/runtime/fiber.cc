#include "runtime/fiber.h"

#include <cstdint>
#include <cstring>
#include <new>

#include <cxxabi.h>
#include <sys/mman.h>
#include <unistd.h>

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

#ifdef ENGIN_FAST_SWITCH
// swapcontext makes two system calls, to keep a signal mask that no fiber changes. This keeps what a call must
// preserve: six registers and the two floating-point control words.
asm(R"(
.text
.p2align 4
.local engin_switch_fiber
.type engin_switch_fiber, @function
engin_switch_fiber:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  subq $8, %rsp
  stmxcsr (%rsp)
  fnstcw 4(%rsp)
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  ldmxcsr (%rsp)
  fldcw 4(%rsp)
  addq $8, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size engin_switch_fiber, .-engin_switch_fiber

.p2align 4
.local engin_begin_fiber
.type engin_begin_fiber, @function
engin_begin_fiber:
  .cfi_startproc
  .cfi_undefined rip
  movq %r12, %rdi
  callq *%r13
  ud2
  .cfi_endproc
.size engin_begin_fiber, .-engin_begin_fiber
)");
extern "C" {
/// Keeps the stack pointer in `*from` and goes on where `to` was kept.
void engin_switch_fiber(void** from, void* to) noexcept;
/// Where a new fiber begins: calls what is in r13 with what is in r12.
void engin_begin_fiber() noexcept;
}
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
  sanitizer_stack_ = stack_ + page;
  sanitizer_stack_size_ = StackSize;
#ifdef ENGIN_FAST_SWITCH
  // As engin_switch_fiber leaves a stack, its return address being that of engin_begin_fiber.
  void** top = reinterpret_cast<void**>(stack_ + stack_size_);
  *--top = nullptr;
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(&engin_begin_fiber);
  *--top = nullptr;                                 // rbp
  *--top = nullptr;                                 // rbx
  *--top = this;                                    // r12
  *--top = reinterpret_cast<void*>(&Fiber::begin);  // r13
  *--top = nullptr;                                 // r14
  *--top = nullptr;                                 // r15
  --top;
  asm volatile("stmxcsr %0\n\tfnstcw %1"
               : "=m"(*reinterpret_cast<std::uint32_t*>(top)), "=m"(*(reinterpret_cast<std::uint16_t*>(top) + 2)));
  stack_pointer_ = top;
#else
  ::getcontext(&context_);
  context_.uc_stack.ss_sp = stack_ + page;
  context_.uc_stack.ss_size = StackSize;
  const auto self = reinterpret_cast<std::uintptr_t>(this);
  ::makecontext(&context_, reinterpret_cast<void (*)()>(&Fiber::begin), 2, static_cast<unsigned int>(self >> 32),
                static_cast<unsigned int>(self));
#endif
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

#ifdef ENGIN_FAST_SWITCH
void Fiber::begin(Fiber* self) {
#else
void Fiber::begin(unsigned int high, unsigned int low) {
  auto* const self = reinterpret_cast<Fiber*>((static_cast<std::uintptr_t>(high) << 32) | low);
#endif
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
#ifdef ENGIN_FAST_SWITCH
  engin_switch_fiber(&from.stack_pointer_, to.stack_pointer_);
#else
  ::swapcontext(&from.context_, &to.context_);
#endif
  from.arrived();
}

}  // namespace engin::runtime
