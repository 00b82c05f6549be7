// A shutdown hook: what is called before a task is asked to stop.
#ifndef ENGIN_HOOK_H_
#define ENGIN_HOOK_H_

#include <memory>
#include <type_traits>
#include <utility>

#include "engin/detail/callable.h"

namespace engin {

/// Any h() or h(std::stop_token) returning void, absl::Status, Co<> or Co<absl::Status>; move-only ones too. Copies
/// share the one callable. The token fires when the hook's time is over. An empty hook (default, nullptr, an empty
/// std::function) is none.
///
/// It runs on a runner, at the same time as the task it belongs to, and must be safe to do so: close the queue, shut
/// down the socket, let the body find out. What it throws or returns is recorded and cuts off nothing.
class Hook {
 public:
  Hook() noexcept = default;
  Hook(std::nullptr_t) noexcept {}  // NOLINT(google-explicit-constructor)

  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, Hook> && !std::is_same_v<std::remove_cvref_t<F>, std::nullptr_t>)
  Hook(F&& f) {  // NOLINT(google-explicit-constructor)
    using Callable = std::decay_t<F>;
    detail::check_callable<Callable>();
    Callable callable(std::forward<F>(f));
    if (auto made = detail::make_body(std::move(callable))) body_ = std::move(made);
  }

  explicit operator bool() const noexcept { return body_ != nullptr; }
  const std::shared_ptr<detail::Body>& body() const noexcept { return body_; }

 private:
  std::shared_ptr<detail::Body> body_;
};

}  // namespace engin

#endif  // ENGIN_HOOK_H_
