// Pending deadlines, in order. Pure data: no thread, no lock, no clock, no allocation.
#ifndef ENGIN_LIB_RUNTIME_TIMER_QUEUE_H_
#define ENGIN_LIB_RUNTIME_TIMER_QUEUE_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"
#include "engin/detail/time.h"
#include "runtime/runtime.h"

namespace engin::runtime {

/// Holds armed timers and hands them out exactly in order: by due time, equal ones in the order armed, none early.
///
/// A radix heap. Time is read as eleven digits of six bits; a timer stands on the level of the highest digit in which
/// its due time differs from `base_`, the time up to which everything was handed out, in the slot of that digit's
/// value. Everything on a level is due before everything on a higher one, and everything in a slot before everything in
/// a later slot. When `base_` enters a slot, its timers are spread over the levels below. So arming and cancelling
/// touch one slot, a timer moves at most once per level, and a slot of level 0 is one nanosecond: there is nothing to
/// sort.
///
/// A large slot (a million timers of one hour each) is spread a few at a time, ahead of its first due time: `wake_at`
/// asks for a call of `pop_due` in good time.
class TimerQueue {
 public:
  struct Due {
    Timer* timer;
    std::uint32_t tag;
  };

  TimerQueue() = default;
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;

  /// `timer` must not be armed. A time before the latest `now` that pop_due was given counts as that `now`.
  void arm(Timer& timer, TimePoint due, std::uint32_t tag) noexcept;
  /// False: it was not armed.
  bool cancel(Timer& timer) noexcept;

  /// Takes out what is due at `now`, at most as many as `out` has room for; returns how many. Fewer than that: nothing
  /// more is due.
  std::size_t pop_due(TimePoint now, absl::Span<Due> out) noexcept;

  /// The earliest due time, max if empty. Constant time, unless the earliest timer was cancelled since the last pop.
  TimePoint next_due() const noexcept;
  /// When pop_due should be called next; never after next_due(). It may be earlier for two reasons: a timer that would
  /// have been the next was cancelled, or a large slot is to be spread in time. Constant time.
  TimePoint wake_at() const noexcept;

  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }

 private:
  // A due time, mapped so that its order is that of unsigned numbers.
  using Key = std::uint64_t;

  struct Slot {
    Timer* head = nullptr;
    Timer* tail = nullptr;
    Key earliest = 0;  // not later than any timer in here
    std::uint32_t count = 0;
    bool inexact = false;  // the timer that `earliest` was taken from may be gone
  };

  static constexpr int kDigit = 6;
  static constexpr std::size_t kSlots = std::size_t{1} << kDigit;
  static constexpr std::size_t kLevels = (64 + kDigit - 1) / kDigit;
  static constexpr std::size_t kNone = kLevels;

  struct Position {
    std::size_t level;
    std::size_t slot;
  };

  static Key key_of(TimePoint t) noexcept;
  static TimePoint time_of(Key key) noexcept;
  static std::size_t digit(Key key, std::size_t level) noexcept;

  Position position_of(Key key) const noexcept;
  Slot& at(Position p) noexcept { return slots_[p.level][p.slot]; }
  const Slot& at(Position p) const noexcept { return slots_[p.level][p.slot]; }
  Key start_of(Position p) const noexcept;
  static Key exact_earliest(const Slot& slot) noexcept;
  static bool is_large(const Slot& slot, std::size_t level) noexcept;

  void note_added(Slot& slot, Position p, Timer& timer) noexcept;
  void push_back(Timer& timer) noexcept;
  void push_front(Timer& timer) noexcept;
  void unlink(Timer& timer) noexcept;
  Position first_ahead() const noexcept;
  bool spreading_blocks(Key limit) const noexcept;
  void enter(Position p, Key new_base) noexcept;
  void spread_some() noexcept;
  void prepare_ahead() noexcept;

  // Nothing pending is due before base_, and base_ <= now_.
  Key base_ = 0;
  Key now_ = 0;
  std::size_t size_ = 0;
  std::uint32_t levels_ = 0;                     // bit l: level l holds something
  std::uint32_t spreading_ = 0;                  // bit l: the slot of level l that base_ is in is not yet spread
  std::array<std::uint64_t, kLevels> filled_{};  // bit s: slot s holds something
  std::array<std::array<Slot, kSlots>, kLevels> slots_{};
};

}  // namespace engin::runtime

#endif  // ENGIN_LIB_RUNTIME_TIMER_QUEUE_H_
