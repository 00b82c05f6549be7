// What may be supervised, and the one boundary at which whatever it throws is caught.
#ifndef ENGIN_DETAIL_CALLABLE_H_
#define ENGIN_DETAIL_CALLABLE_H_

#include <coroutine>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "engin/co.h"
#include "engin/detail/export.h"

namespace engin::detail {

/// How one run of a callable ended, as the boundary saw it; what it means is decided by the supervisor.
struct RawEnd {
  enum class Kind : std::uint8_t { Returned, Failed, Threw };
  Kind kind = Kind::Returned;
  absl::Status status;
  std::exception_ptr exception;
};

/// take_current_exception() into `end`.
ENGIN_EXPORT void take_current_exception(RawEnd& end) noexcept;

/// A callable that was handed over, its type forgotten. `run` calls it: a plain one to its end, one that returns a Co
/// up to the frame, which it hands out in `frame` (null if the callable itself threw).
struct Body {
  struct Ops {
    void (*run)(Body&, const std::stop_token&, RawEnd&, PromiseBase*& frame) noexcept;
    void (*destroy)(Body*) noexcept;
    bool coroutine;
    bool takes_token;
  };
  const Ops* ops;
};
struct DestroyBody {
  void operator()(Body* body) const noexcept { body->ops->destroy(body); }
};
using BodyPtr = std::unique_ptr<Body, DestroyBody>;

template <class F, class = void>
struct CallResult {
  using type = void*;  // not callable: no valid result
  static constexpr bool callable = false;
  static constexpr bool takes_token = false;
};
template <class F>
struct CallResult<F, std::enable_if_t<std::is_invocable_v<F&, const std::stop_token&>>> {
  using type = std::invoke_result_t<F&, const std::stop_token&>;
  static constexpr bool callable = true;
  static constexpr bool takes_token = true;
};
template <class F>
struct CallResult<F, std::enable_if_t<std::conjunction_v<std::negation<std::is_invocable<F&, const std::stop_token&>>,
                                                         std::is_invocable<F&>>>> {
  using type = std::invoke_result_t<F&>;
  static constexpr bool callable = true;
  static constexpr bool takes_token = false;
};

template <class T>
inline constexpr bool is_co = false;
template <class T>
inline constexpr bool is_co<Co<T>> = true;

template <class R>
inline constexpr bool is_valid_result = std::is_same_v<R, void> || std::is_same_v<R, absl::Status> ||
                                        std::is_same_v<R, Co<void>> || std::is_same_v<R, Co<absl::Status>>;

/// Says in a sentence what is wrong with an F that cannot be supervised or be a hook.
template <class F>
constexpr void check_callable() {
  static_assert(!is_co<F>,
                "engin: this is a coroutine that already exists; hand over the callable that makes it, so that it can "
                "be called again");
  if constexpr (!is_co<F>) {
    static_assert(CallResult<F>::callable,
                  "engin: the callable must be callable as f(std::stop_token) or f(); bind its arguments (a lambda, "
                  "std::bind_front)");
    if constexpr (CallResult<F>::callable) {
      static_assert(is_valid_result<typename CallResult<F>::type>,
                    "engin: the callable must return void, absl::Status, engin::Co<> or engin::Co<absl::Status>");
    }
  }
}

/// True for a null function pointer and an empty std::function, absl::AnyInvocable and the like.
template <class F>
bool is_empty_callable(const F& f) noexcept {
  if constexpr (std::is_pointer_v<F> || std::is_member_pointer_v<F>) {
    return f == nullptr;
  } else if constexpr (std::is_constructible_v<F, std::nullptr_t> && requires { f.operator bool(); }) {
    return !f.operator bool();
  } else {
    return false;
  }
}

template <class F>
struct BodyOf final : Body {
  using Result = typename CallResult<F>::type;

  explicit BodyOf(F&& f) : Body{&ops_of}, callable(std::move(f)) {}

  static Result call(F& f, const std::stop_token& token) {
    if constexpr (CallResult<F>::takes_token) {
      return std::invoke(f, token);
    } else {
      return std::invoke(f);
    }
  }

  // The catch stands here, one frame from the throw, because each frame in between costs a third of the whole
  // (docs/internals.md). noexcept: nothing gets past it.
  static void run_it(Body& body, const std::stop_token& token, RawEnd& end, PromiseBase*& frame) noexcept {
    F& f = static_cast<BodyOf&>(body).callable;
    try {
      if constexpr (std::is_same_v<Result, void>) {
        call(f, token);
      } else if constexpr (std::is_same_v<Result, absl::Status>) {
        absl::Status status = call(f, token);
        if (!status.ok()) [[unlikely]] {
          end.kind = RawEnd::Kind::Failed;
          end.status = std::move(status);
        }
      } else {
        frame = release_root(call(f, token));
      }
    } catch (...) {
      take_current_exception(end);
    }
  }
  static void destroy_it(Body* body) noexcept { delete static_cast<BodyOf*>(body); }

  static constexpr Ops ops_of{&run_it, &destroy_it, is_co<Result>, CallResult<F>::takes_token};
  F callable;
};

/// The callable, ready to be supervised; null if it is empty. Throws what moving it throws, or std::bad_alloc.
template <class F>
BodyPtr make_body(F&& f) {
  if (is_empty_callable(f)) return nullptr;
  return BodyPtr(new BodyOf<std::remove_cvref_t<F>>(std::forward<F>(f)));
}

}  // namespace engin::detail

#endif  // ENGIN_DETAIL_CALLABLE_H_
