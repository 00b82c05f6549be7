// The door for other asynchronous libraries.
#ifndef ENGIN_SUSPEND_H_
#define ENGIN_SUSPEND_H_

#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "engin/blocking.h"
#include "engin/detail/export.h"
#include "engin/detail/wait.h"

namespace engin {

namespace detail {

struct SuspendState;  // shared by the waiting frame and the resumer

struct SuspendWait : Wait {
  using Start = void (*)(SuspendWait&, std::shared_ptr<SuspendState>);
  using Cancel = void (*)(SuspendWait&);
  ENGIN_EXPORT SuspendWait(Start start_it, Cancel cancel_it) noexcept;
  ENGIN_EXPORT ~SuspendWait();
  ENGIN_EXPORT static bool arm_suspend(Wait& wait, Strand& strand) noexcept;
  ENGIN_EXPORT void finish();

  struct CancelAtStop {
    SuspendWait* wait;
    ENGIN_EXPORT void operator()() const noexcept;
  };

  Start start;
  Cancel cancel;
  std::shared_ptr<SuspendState> state;
  std::optional<std::stop_callback<CancelAtStop>> at_stop;
  std::exception_ptr exception;
};

}  // namespace detail

/// Resumes the coroutine that handed it out. Move-only; call it once, from any thread, also before `start` has
/// returned, also after the task is gone (then nothing happens). The first call wins, later ones do nothing. Dropped
/// uncalled it resumes the coroutine with Abandoned.
class ENGIN_EXPORT Resumer {
 public:
  Resumer() noexcept = default;
  explicit Resumer(std::shared_ptr<detail::SuspendState> state) noexcept;
  Resumer(Resumer&&) noexcept = default;
  Resumer& operator=(Resumer&& other) noexcept;
  ~Resumer();

  /// True if this call was the one that resumed.
  bool operator()() noexcept;
  /// False once it was called or moved from.
  explicit operator bool() const noexcept { return state_ != nullptr; }

 private:
  std::shared_ptr<detail::SuspendState> state_;
};

namespace detail {

template <class S, class C>
class [[nodiscard("co_await it")]] SuspendAwaiter : private SuspendWait {
 public:
  SuspendAwaiter(S&& s, C&& c)
      : SuspendWait(&start_it, &cancel_it), start_(std::forward<S>(s)), cancel_(std::forward<C>(c)) {}
  bool await_ready() const noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> h) {
    leave_from(*this, h);
  }
  void await_resume() { finish(); }

 private:
  static void start_it(SuspendWait& wait, std::shared_ptr<SuspendState> state) {
    static_cast<SuspendAwaiter&>(wait).start_(Resumer(std::move(state)));
  }
  static void cancel_it(SuspendWait& wait) { static_cast<SuspendAwaiter&>(wait).cancel_(); }
  S start_;
  C cancel_;
};

}  // namespace detail

/// `co_await suspend(start, cancel)`: `start(Resumer)` begins a foreign operation, after this frame is suspended, on
/// its runner; what it throws is thrown here. When stop is requested of the attempt, `cancel()` is called once (on the
/// thread that requests stop, or at once if stop was requested before), and the resumer is still awaited: the foreign
/// operation may own memory in this frame until it calls back. What `cancel` throws is thrown here then. Throws
/// Abandoned if the resumer was dropped uncalled.
template <class Start, class Cancel>
detail::SuspendAwaiter<Start, Cancel> suspend(Start&& start, Cancel&& cancel) {
  static_assert(detail::is_safe_operand<Start> && detail::is_safe_operand<Cancel>,
                "engin: g++ 12 destroys a temporary callable with captures twice here; name it first: auto start = "
                "[...]{...}; co_await suspend(start, cancel);");
  static_assert(std::is_invocable_v<std::remove_cvref_t<Start>&, Resumer>, "engin: start must take an engin::Resumer");
  static_assert(std::is_invocable_v<std::remove_cvref_t<Cancel>&>, "engin: cancel must be callable without arguments");
  return {std::forward<Start>(start), std::forward<Cancel>(cancel)};
}

}  // namespace engin

#endif  // ENGIN_SUSPEND_H_
