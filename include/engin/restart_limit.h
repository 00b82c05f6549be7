// How many restarts are too many.
#ifndef ENGIN_RESTART_LIMIT_H_
#define ENGIN_RESTART_LIMIT_H_

#include <chrono>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "engin/backoff.h"
#include "engin/detail/export.h"
#include "engin/detail/time.h"

namespace engin {

/// What happens when a task has used up its restarts.
class ENGIN_EXPORT OnLimit {
 public:
  enum class Kind : std::uint8_t { Shutdown, GiveUp, CoolDown };

  /// The application shuts down; the cause is the task's failure, reached through its limit. The default.
  static const OnLimit Shutdown;
  /// The task stays down (TaskState::GaveUp); nothing else is touched.
  static const OnLimit GiveUp;
  /// The task rests for `rest`, then runs again with a fresh count and fresh delays.
  static constexpr OnLimit CoolDown(Duration rest) noexcept { return OnLimit(Kind::CoolDown, rest); }

  constexpr OnLimit() noexcept = default;
  constexpr Kind kind() const noexcept { return kind_; }
  /// How long a cool-down lasts; zero for the other kinds.
  constexpr Duration rest() const noexcept { return rest_; }
  friend constexpr bool operator==(const OnLimit&, const OnLimit&) = default;

 private:
  constexpr OnLimit(Kind kind, Duration rest) noexcept : kind_(kind), rest_(rest) {}
  Kind kind_ = Kind::Shutdown;
  Duration rest_{};
};
inline constexpr OnLimit OnLimit::Shutdown{Kind::Shutdown, Duration::zero()};
inline constexpr OnLimit OnLimit::GiveUp{Kind::GiveUp, Duration::zero()};

/// Per task: at most `max_restarts` restarts after a failure within any stretch of `window`. The one that would exceed
/// it is not made; `then` happens instead. Two restarts exactly `window` apart are not in one stretch.
struct ENGIN_EXPORT RestartLimit {
  /// None (the default): keep trying, ever more slowly, and say so. 0: never restart.
  std::optional<std::uint64_t> max_restarts = std::nullopt;
  Duration window = std::chrono::minutes(1);
  OnLimit then = OnLimit::Shutdown;

  /// OK, or INVALID_ARGUMENT whose message begins with the field. Refuses a limit that `backoff`, at its earliest
  /// delays, could never reach within the window: it would look like a protection and be none.
  absl::Status validate(const Backoff& backoff = Backoff::immediate()) const;

  friend bool operator==(const RestartLimit&, const RestartLimit&) = default;
};

}  // namespace engin

#endif  // ENGIN_RESTART_LIMIT_H_
