// How a coroutine leaves its thread.
#ifndef ENGIN_DETAIL_WAIT_H_
#define ENGIN_DETAIL_WAIT_H_

#include <coroutine>
#include <cstdint>
#include <type_traits>

#include "engin/co.h"
#include "engin/detail/export.h"
#include "engin/detail/time.h"

namespace engin {

struct IgnoreStop {};
/// Last argument of an awaitable: wait although stop was requested. For clean-up.
inline constexpr IgnoreStop ignore_stop{};

namespace detail {

class Strand;

/// Base of every awaiter that leaves the thread; lives in the waiting frame.
///
/// await_suspend only notes the wait (`leave`). The step loop arms it after the frame is suspended, as its last act,
/// and touches nothing of the frame afterwards: from then on whoever claims the wait may resume the frame elsewhere.
struct Wait {
  enum class Result : std::uint8_t { Pending, Done, TimedOut, Stopped };

  /// True: go on at once, on this thread. False: parked; the frame may be running elsewhere already.
  using Arm = bool (*)(Wait&, Strand&) noexcept;
  explicit Wait(Arm arm_it, bool ignores_stop) noexcept : arm(arm_it), ignore_stop(ignores_stop) {}

  std::coroutine_handle<> frame;
  Arm arm;
  Result result = Result::Pending;
  bool ignore_stop;
};

/// Notes `wait` as what the strand of this job does next. Throws NotInTask outside a supervised coroutine.
ENGIN_EXPORT void leave(Wait& wait, std::coroutine_handle<> frame);

template <class P>
void leave_from(Wait& wait, std::coroutine_handle<P> frame) {
  static_assert(std::is_base_of_v<PromiseBase, P>,
                "engin: awaitables of engin can only be awaited by a coroutine that returns an engin::Co");
  leave(wait, frame);
}

}  // namespace detail
}  // namespace engin

#endif  // ENGIN_DETAIL_WAIT_H_
