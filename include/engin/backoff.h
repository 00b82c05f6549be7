// How long a restart waits.
#ifndef ENGIN_BACKOFF_H_
#define ENGIN_BACKOFF_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "absl/status/status.h"
#include "engin/detail/export.h"
#include "engin/detail/time.h"

namespace engin {

/// Where in its range a delay d is drawn from. No choice ever exceeds the cap.
enum class Jitter : std::uint8_t {
  Equal,  ///< uniform in [d/2, d]
  Full,   ///< uniform in [0, d]
  None,   ///< d
};

/// The delay before the n-th restart in a row: min(max, initial * multiplier^(n-1)), jittered. Exact for every n and
/// every duration; nothing overflows.
///
/// "In a row" begins again after `reset_after` of healthy running, counted from `this_task::ready()` if the task calls
/// it, else from the attempt's start. Readiness alone resets nothing.
struct ENGIN_EXPORT Backoff {
  Duration initial = std::chrono::milliseconds(100);
  Duration max = std::chrono::seconds(30);
  double multiplier = 2;
  Jitter jitter = Jitter::Equal;
  Duration reset_after = std::chrono::seconds(60);
  /// If not empty: these delays in turn, not jittered, the last one repeating; the members above but `reset_after` are
  /// not looked at. Made by `schedule()`.
  std::vector<Duration> delays = {};

  /// No delay at all. The restart still lets other ready jobs go first, and a stop wins over it.
  static Backoff immediate();
  /// Always `delay`. `constant(0)` is `immediate()`.
  static Backoff constant(Duration delay);
  /// The given delays in turn; the last one repeats.
  static Backoff schedule(std::vector<Duration> delays);

  struct Range {
    Duration earliest{};
    Duration latest{};
    friend bool operator==(const Range&, const Range&) = default;
  };
  /// The range of the delay before the restart number `n` in a row, from 1.
  Range range(std::uint64_t n) const noexcept;
  /// The ranges of the next `n` restarts in a row.
  std::vector<Range> preview(std::size_t n) const;
  /// The delay before restart number `n` in a row, drawn with `random`, 64 uniform bits. Pure: same input, same delay.
  Duration delay(std::uint64_t n, std::uint64_t random) const noexcept;

  /// OK, or INVALID_ARGUMENT whose message begins with the field: "backoff.multiplier: must be at least 1, is 0.5".
  absl::Status validate() const;

  friend bool operator==(const Backoff&, const Backoff&) = default;
};

}  // namespace engin

#endif  // ENGIN_BACKOFF_H_
