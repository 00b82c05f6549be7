// Counts a task's restarts within a sliding window.
#ifndef ENGIN_LIB_POLICY_RESTART_WINDOW_H_
#define ENGIN_LIB_POLICY_RESTART_WINDOW_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "engin/detail/time.h"
#include "engin/restart_limit.h"

namespace engin::policy {

/// The memory behind a RestartLimit: when the latest restarts were. Nothing throws. Not thread-safe.
///
/// Exact while at most `most_groups` restarts lie within the window: n restarts in any stretch of `window` are allowed,
/// the n+1st is refused, and two that are exactly `window` apart are not in one stretch.
///
/// An exact count needs every time. To stay small beyond that, and when memory runs out, times are kept in groups of 2,
/// 4, 8... restarts, each known by its latest one. A group counts in full until its latest restart has left the window,
/// so a limit of n never allows more than n; it may refuse up to one group early, but only if restarts have left the
/// window at all: n of them in a first burst are counted exactly, whatever n is.
class RestartWindow {
 public:
  static constexpr std::uint32_t most_groups = 4096;  // 32 KiB

  RestartWindow() noexcept = default;
  RestartWindow(const RestartWindow&) = delete;
  RestartWindow& operator=(const RestartWindow&) = delete;

  /// Whether a restart at `at` is within the limit; if so, it is counted. Without a limit, always, and nothing is
  /// counted. `at` is when the restart will be, not when it is decided: the delay lies between. A time before that of
  /// an earlier call counts as that one.
  bool allow(TimePoint at, const RestartLimit& limit) noexcept;

  /// Takes back what the latest allow() counted, for a restart that was not made after all. Once, and only if no other
  /// call came in between.
  void take_back() noexcept;

  /// How many counted restarts lie within the window that ends at `now`, those to come included.
  std::uint64_t used(TimePoint now) const noexcept;

  /// Forgets all.
  void reset() noexcept;

 private:
  TimePoint& at(std::uint32_t i) noexcept { return times()[(head_ + i) % capacity_]; }
  TimePoint at(std::uint32_t i) const noexcept { return times()[(head_ + i) % capacity_]; }
  TimePoint* times() noexcept { return heap_ ? heap_.get() : inline_.data(); }
  const TimePoint* times() const noexcept { return heap_ ? heap_.get() : inline_.data(); }
  bool is_outside(TimePoint restart, TimePoint now) const noexcept;
  void forget_before(TimePoint now) noexcept;
  void make_room() noexcept;
  bool grow() noexcept;
  void merge_pairs() noexcept;
  std::uint64_t count() const noexcept;

  // A ring of groups, oldest first. All but the newest have `group_` restarts, the newest `newest_`.
  static constexpr std::uint32_t inline_groups = 2;  // what is left without any memory
  std::array<TimePoint, inline_groups> inline_{};
  std::unique_ptr<TimePoint[]> heap_;
  std::uint32_t capacity_ = inline_groups;
  std::uint32_t head_ = 0;
  std::uint32_t groups_ = 0;
  std::uint64_t group_ = 1;
  std::uint64_t newest_ = 0;
  Duration window_{};
};

}  // namespace engin::policy

#endif  // ENGIN_LIB_POLICY_RESTART_WINDOW_H_
