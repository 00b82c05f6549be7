// A function that blocks, awaited by a coroutine that does not.
#ifndef ENGIN_BLOCKING_H_
#define ENGIN_BLOCKING_H_

#include <coroutine>
#include <exception>
#include <functional>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "engin/detail/callable.h"
#include "engin/detail/export.h"
#include "engin/detail/job.h"
#include "engin/detail/wait.h"

namespace engin {

namespace detail {

// g++ 12 destroys some temporaries of a co_await operand twice: closures with captures that have destructors are among
// them. What the types can see is refused.
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
template <class F>
inline constexpr bool is_safe_operand =
    std::is_lvalue_reference_v<F> || std::is_trivially_destructible_v<std::remove_cvref_t<F>>;
#else
template <class F>
inline constexpr bool is_safe_operand = true;
#endif

struct BlockingWait : Wait {
  using Call = void (*)(BlockingWait&, const std::stop_token&) noexcept;
  BlockingWait(Call c, bool takes_token) noexcept
      : Wait(&arm_blocking, true), call(c), wants_token(takes_token), job(job_type) {}
  ENGIN_EXPORT static bool arm_blocking(Wait& wait, Strand& strand) noexcept;
  ENGIN_EXPORT static const JobType job_type;

  Call call;
  bool wants_token;
  struct CallJob : Job {
    using Job::Job;
    BlockingWait* wait = nullptr;
  };
  Strand* strand = nullptr;
  CallJob job;
  std::exception_ptr exception;
};

struct Nothing {};

template <class F>  // an lvalue reference, or the callable itself
class [[nodiscard("co_await it")]] BlockingAwaiter : private BlockingWait {
  using Plain = std::remove_reference_t<F>;
  static constexpr bool takes_token = std::is_invocable_v<Plain&, const std::stop_token&>;
  static auto invoke(Plain& f, const std::stop_token& token) {
    if constexpr (takes_token) {
      return std::invoke(f, token);
    } else {
      return std::invoke(f);
    }
  }
  using R = decltype(invoke(std::declval<Plain&>(), std::declval<const std::stop_token&>()));

 public:
  explicit BlockingAwaiter(F&& f) : BlockingWait(&call_it, takes_token), f_(std::forward<F>(f)) {}
  bool await_ready() const noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> h) {
    leave_from(*this, h);
  }
  R await_resume() {
    if (exception) std::rethrow_exception(std::exchange(exception, nullptr));
    if constexpr (!std::is_void_v<R>) return std::move(*value_);
  }

 private:
  static void call_it(BlockingWait& wait, const std::stop_token& token) noexcept {
    auto& self = static_cast<BlockingAwaiter&>(wait);
    try {
      if constexpr (std::is_void_v<R>) {
        invoke(self.f_, token);
      } else {
        self.value_.emplace(invoke(self.f_, token));
      }
    } catch (...) {
      self.exception = take_current_exception();
    }
  }
  F f_;
  std::optional<std::conditional_t<std::is_void_v<R>, Nothing, R>> value_;
};

}  // namespace detail

/// `co_await blocking(f)`: runs f() or f(std::stop_token), a function that may block, on a runner of its own, and gives
/// its result or exception. Never cut short: f owns what the frame lent it until it returns; give it the token if it
/// can look at it. this_task:: works in f.
///
/// A callable given as a name is used where it is; a temporary is kept in the frame.
template <class F>
detail::BlockingAwaiter<F> blocking(F&& f) {
  static_assert(detail::is_safe_operand<F>,
                "engin: g++ 12 destroys a temporary callable with captures twice here; name it first: auto f = "
                "[...]{...}; co_await blocking(f);");
  static_assert(std::is_invocable_v<std::remove_reference_t<F>&, const std::stop_token&> ||
                    std::is_invocable_v<std::remove_reference_t<F>&>,
                "engin: blocking(f) calls f(std::stop_token) or f()");
  return detail::BlockingAwaiter<F>(std::forward<F>(f));
}

}  // namespace engin

#endif  // ENGIN_BLOCKING_H_
