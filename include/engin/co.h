// What a coroutine of a task returns.
#ifndef ENGIN_CO_H_
#define ENGIN_CO_H_

#include <coroutine>
#include <cstdint>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "engin/detail/export.h"
#include "engin/errors.h"

namespace engin {

template <class T>
class Co;

namespace detail {

/// The exception in flight. Called in a catch (...), nowhere else. A forced unwind (pthread_exit, cancellation) cannot
/// be taken: prints a line naming the task and ends the process.
ENGIN_EXPORT std::exception_ptr take_current_exception() noexcept;

struct RawEnd;

/// What every promise of a Co has. The step loop of the task (lib/supervisor/strand.cc) is the only one to resume a
/// frame: an await stores what comes next and returns to that loop, so nothing ever resumes anything from inside, and
/// no chain of awaits grows the stack.
struct PromiseBase {
  std::coroutine_handle<> self;
  std::coroutine_handle<> continuation;  // who awaits this; null for the root
  std::exception_ptr exception;
  void (*take_root)(PromiseBase&, RawEnd&) noexcept = nullptr;
};

/// Makes `next` the frame that the step loop of this job resumes; throws NotInTask outside a job.
ENGIN_EXPORT void continue_with(std::coroutine_handle<> next);
/// The root of this job has run to its end.
ENGIN_EXPORT void root_finished() noexcept;
ENGIN_EXPORT void take_root_end(PromiseBase& promise, absl::Status* status, RawEnd& end) noexcept;

struct FinalAwaiter {
  bool await_ready() const noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> h) const noexcept {
    PromiseBase& promise = h.promise();
    if (promise.continuation) {
      continue_with(promise.continuation);
    } else {
      root_finished();
    }
  }
  void await_resume() const noexcept {}
};

template <class T>
struct PromiseValue : PromiseBase {
  std::optional<T> value;
  template <class U>
    requires std::is_convertible_v<U&&, T>
  void return_value(U&& u) {
    value.emplace(std::forward<U>(u));
  }
  T take() { return std::move(*value); }
};
template <>
struct PromiseValue<void> : PromiseBase {
  void return_void() const noexcept {}
  void take() const noexcept {}
};

template <class T>
struct Promise : PromiseValue<T> {
  Co<T> get_return_object() noexcept;
  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { this->exception = take_current_exception(); }
};

template <class T>
PromiseBase* release_root(Co<T> co);

}  // namespace detail

/// A coroutine that runs as (part of) a task. It starts when it is awaited, runs once, and lives in one thread at a
/// time, though not always the same one. Exceptions and results go to whoever awaits it; those of a task's own
/// coroutine are the outcome of the attempt.
///
///     engin::Co<int> answer() { co_return 42; }
///     engin::Co<> body(std::stop_token) { int a = co_await answer(); ... }
///
/// Move-only. Destroying one that was never awaited destroys its frame. Awaiting one that was moved from throws
/// NullCoroutine; awaiting outside a supervised task throws NotInTask.
template <class T = void>
class [[nodiscard("a coroutine does nothing until it is awaited or handed to a task")]] Co {
 public:
  static_assert(!std::is_reference_v<T>, "engin: Co<T> holds a value; return a pointer instead of a reference");
  using promise_type = detail::Promise<T>;

  Co(Co&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Co& operator=(Co&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~Co() {
    if (handle_) handle_.destroy();
  }

  /// False once it was moved from.
  explicit operator bool() const noexcept { return static_cast<bool>(handle_); }

  class Awaiter {
   public:
    explicit Awaiter(std::coroutine_handle<promise_type> child) noexcept : child_(child) {}
    bool await_ready() const {
      if (!child_) throw NullCoroutine("engin: co_await of a Co that was moved from");
      if (child_.done() || child_.promise().continuation) throw NullCoroutine("engin: a Co can be awaited only once");
      return false;
    }
    template <class P>
    void await_suspend(std::coroutine_handle<P> parent) {
      static_assert(std::is_base_of_v<detail::PromiseBase, P>,
                    "engin: a Co can only be awaited by a coroutine that returns an engin::Co");
      detail::continue_with(child_);
      child_.promise().continuation = parent;
    }
    T await_resume() {
      auto& promise = child_.promise();
      if (promise.exception) std::rethrow_exception(std::exchange(promise.exception, nullptr));
      return promise.take();
    }

   private:
    std::coroutine_handle<promise_type> child_;
  };
  Awaiter operator co_await() && noexcept { return Awaiter(handle_); }
  /// A named Co may be awaited too, once; its frame lives until it goes out of scope.
  Awaiter operator co_await() & noexcept { return Awaiter(handle_); }

 private:
  friend detail::Promise<T>;
  template <class U>
  friend detail::PromiseBase* detail::release_root(Co<U>);
  explicit Co(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

namespace detail {

template <class T>
Co<T> Promise<T>::get_return_object() noexcept {
  auto handle = std::coroutine_handle<Promise>::from_promise(*this);
  this->self = handle;
  return Co<T>(handle);
}

template <class T>
PromiseBase* release_root(Co<T> co) {
  if (!co.handle_ || co.handle_.done()) throw NullCoroutine("engin: the callable returned a null coroutine");
  PromiseBase& promise = std::exchange(co.handle_, nullptr).promise();
  promise.take_root = [](PromiseBase& base, RawEnd& end) noexcept {
    if constexpr (std::is_same_v<T, absl::Status>) {
      auto& value = static_cast<Promise<T>&>(base).value;
      take_root_end(base, value ? &*value : nullptr, end);
    } else {
      take_root_end(base, nullptr, end);
    }
  };
  return &promise;
}

}  // namespace detail
}  // namespace engin

#endif  // ENGIN_CO_H_
