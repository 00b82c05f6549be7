// A stack of its own that code can be left on and taken up again: what the virtual world runs jobs on, so that one
// which waits can be set aside.
#ifndef ENGIN_LIB_RUNTIME_FIBER_H_
#define ENGIN_LIB_RUNTIME_FIBER_H_

#include <cstddef>

#if defined(__x86_64__) && defined(__linux__)
#define ENGIN_FAST_SWITCH 1
#else
#include <ucontext.h>
#endif

namespace engin::runtime {

/// Made by its default constructor it stands for the stack of the calling thread.
///
/// A switch carries along what the C++ run-time and this library keep per thread: exceptions being handled
/// (__cxa_eh_globals), and the job context. Sanitizers are told.
class Fiber {
 public:
  using Entry = void (*)(void*);

  Fiber() noexcept;
  /// `entry(argument)` runs when it is first switched to; it must not return.
  Fiber(Entry entry, void* argument);
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  ~Fiber();

  /// Leaves `from`, which must be what runs now, for `to`.
  static void change(Fiber& from, Fiber& to) noexcept;

 private:
  struct ExceptionState {  // the layout of __cxa_eh_globals in the Itanium C++ ABI
    void* caught = nullptr;
    unsigned int uncaught = 0;
  };
#ifdef ENGIN_FAST_SWITCH
  static void begin(Fiber* self);
  void* stack_pointer_ = nullptr;  // while something else runs
#else
  static void begin(unsigned int high, unsigned int low);
  ucontext_t context_{};
#endif
  void arrived() noexcept;

  Entry entry_ = nullptr;
  void* argument_ = nullptr;
  std::byte* stack_ = nullptr;
  std::size_t stack_size_ = 0;
  void* job_context_ = nullptr;
  ExceptionState exceptions_;
  // For the sanitizers.
  [[maybe_unused]] void* sanitizer_fiber_ = nullptr;
  [[maybe_unused]] void* fake_stack_ = nullptr;
  const void* sanitizer_stack_ = nullptr;
  std::size_t sanitizer_stack_size_ = 0;
};

}  // namespace engin::runtime

#endif  // ENGIN_LIB_RUNTIME_FIBER_H_
