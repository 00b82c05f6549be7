#include "runtime/timer_queue.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <limits>

namespace engin::runtime {

// Positions. Above level 0, the slot that base_ itself is in holds only what was there when base_ entered it, until it
// is spread; whatever is armed meanwhile differs from base_ in a lower digit and goes to a lower level.
//
// Order of equal due times. Within a slot, timers stand in the order armed. What waits in a slot being spread was armed
// before everything that is on a lower level and due within that slot. So a slot is spread from its back, each timer to
// the front of its new slot, and the lowest such slot first: what is still to come to any front is older than all
// there.

namespace {

constexpr std::uint64_t kSignBit = std::uint64_t{1} << 63;

// From this many timers on a slot is spread ahead of time, in steps of kStep: some 20 us each.
constexpr std::uint32_t kLarge = 1024;
constexpr int kStep = 256;
// A slot of level 3 spans 262 us; below, there is no time ahead to use.
constexpr std::size_t kLowestLargeLevel = 3;
// After a cancellation, slots up to this size find their earliest timer anew.
constexpr std::uint32_t kFewTimers = 8;

constexpr std::uint64_t bit(std::size_t index) { return std::uint64_t{1} << index; }
constexpr std::uint32_t level_bit(std::size_t level) { return std::uint32_t{1} << level; }

}  // namespace

TimerQueue::Key TimerQueue::key_of(TimePoint t) noexcept {
  return static_cast<Key>(t.time_since_epoch().count()) ^ kSignBit;
}

TimePoint TimerQueue::time_of(Key key) noexcept {
  return TimePoint(Duration(static_cast<Duration::rep>(key ^ kSignBit)));
}

std::size_t TimerQueue::digit(Key key, std::size_t level) noexcept {
  return static_cast<std::size_t>(key >> (level * kDigit)) & (kSlots - 1);
}

TimerQueue::Position TimerQueue::position_of(Key key) const noexcept {
  const auto highest_bit = static_cast<int>(std::bit_width(key ^ base_)) - 1;
  const std::size_t level = highest_bit < 0 ? 0 : static_cast<std::size_t>(highest_bit) / kDigit;
  return {level, digit(key, level)};
}

TimerQueue::Key TimerQueue::start_of(Position p) const noexcept {
  const std::size_t shift = p.level * kDigit;
  const Key above = shift + kDigit >= 64 ? 0 : base_ >> (shift + kDigit) << (shift + kDigit);
  return above | Key{p.slot} << shift;
}

TimerQueue::Key TimerQueue::exact_earliest(const Slot& slot) noexcept {
  if (!slot.inexact) return slot.earliest;
  Key earliest = std::numeric_limits<Key>::max();
  for (const Timer* t = slot.head; t != nullptr; t = t->next) earliest = std::min(earliest, key_of(t->due));
  return earliest;
}

bool TimerQueue::is_large(const Slot& slot, std::size_t level) noexcept {
  return slot.count > kLarge && level >= kLowestLargeLevel;
}

void TimerQueue::note_added(Slot& slot, Position p, Timer& timer) noexcept {
  const Key key = key_of(timer.due);
  if (slot.count == 0) {
    slot.earliest = key;
    slot.inexact = false;
    filled_[p.level] |= bit(p.slot);
    levels_ |= level_bit(p.level);
  } else if (key <= slot.earliest) {
    slot.earliest = key;
    slot.inexact = false;
  }
  ++slot.count;
  timer.place = static_cast<std::uint32_t>(p.level * kSlots + p.slot + 1);
}

void TimerQueue::push_back(Timer& timer) noexcept {
  const Position p = position_of(key_of(timer.due));
  Slot& slot = at(p);
  note_added(slot, p, timer);
  timer.next = nullptr;
  timer.prev = slot.tail;
  (slot.tail != nullptr ? slot.tail->next : slot.head) = &timer;
  slot.tail = &timer;
}

void TimerQueue::push_front(Timer& timer) noexcept {
  const Position p = position_of(key_of(timer.due));
  Slot& slot = at(p);
  note_added(slot, p, timer);
  timer.prev = nullptr;
  timer.next = slot.head;
  (slot.head != nullptr ? slot.head->prev : slot.tail) = &timer;
  slot.head = &timer;
}

void TimerQueue::unlink(Timer& timer) noexcept {
  const std::size_t index = timer.place - 1;
  const Position p{index / kSlots, index % kSlots};
  Slot& slot = at(p);
  (timer.prev != nullptr ? timer.prev->next : slot.head) = timer.next;
  (timer.next != nullptr ? timer.next->prev : slot.tail) = timer.prev;
  timer.place = 0;
  if (--slot.count > 0) {
    if (key_of(timer.due) == slot.earliest && p.level > 0) slot.inexact = true;
    return;
  }
  slot.head = slot.tail = nullptr;
  filled_[p.level] &= ~bit(p.slot);
  if (filled_[p.level] == 0) levels_ &= ~level_bit(p.level);
  if (p.slot == digit(base_, p.level)) spreading_ &= ~level_bit(p.level);
}

void TimerQueue::arm(Timer& timer, TimePoint due, std::uint32_t tag) noexcept {
  assert(timer.place == 0);
  timer.due = std::max(due, time_of(now_));
  timer.tag = tag;
  push_back(timer);
  ++size_;
}

bool TimerQueue::cancel(Timer& timer) noexcept {
  if (timer.place == 0) return false;
  const std::size_t index = timer.place - 1;
  unlink(timer);
  --size_;
  Slot& slot = at({index / kSlots, index % kSlots});
  if (slot.count > 0 && slot.count <= kFewTimers && slot.inexact) {
    slot.earliest = exact_earliest(slot);
    slot.inexact = false;
  }
  return true;
}

// The slot that is due next among those that base_ has not entered.
TimerQueue::Position TimerQueue::first_ahead() const noexcept {
  for (std::uint32_t levels = levels_; levels != 0; levels &= levels - 1) {
    const auto level = static_cast<std::size_t>(std::countr_zero(levels));
    std::uint64_t filled = filled_[level];
    if ((spreading_ & level_bit(level)) != 0) filled &= ~bit(digit(base_, level));
    if (filled != 0) return {level, static_cast<std::size_t>(std::countr_zero(filled))};
  }
  return {kNone, 0};
}

// Whether a slot being spread may hold a timer due at or before `limit`.
bool TimerQueue::spreading_blocks(Key limit) const noexcept {
  for (std::uint32_t levels = spreading_; levels != 0; levels &= levels - 1) {
    const auto level = static_cast<std::size_t>(std::countr_zero(levels));
    if (slots_[level][digit(base_, level)].earliest <= limit) return true;
  }
  return false;
}

// Moves base_ into a slot, or onto one of level 0. Nothing pending is due before `new_base`, so every slot of a lower
// level is empty, and slots being spread on higher levels are not left.
void TimerQueue::enter(Position p, Key new_base) noexcept {
  assert((spreading_ & (2 * level_bit(p.level) - 1)) == 0 || p.level == 0);
  base_ = new_base;
  if (p.level > 0) spreading_ |= level_bit(p.level);
}

void TimerQueue::spread_some() noexcept {
  const auto level = static_cast<std::size_t>(std::countr_zero(spreading_));
  Slot& slot = slots_[level][digit(base_, level)];
  for (int i = 0; i < kStep && slot.tail != nullptr; ++i) {
    Timer& timer = *slot.tail;
    unlink(timer);
    push_front(timer);
  }
}

std::size_t TimerQueue::pop_due(TimePoint now, absl::Span<Due> out) noexcept {
  now_ = std::max(now_, key_of(now));
  std::size_t n = 0;
  while (n < out.size()) {
    const Position p = first_ahead();
    const Key next = p.level == kNone ? now_ : std::min(at(p).earliest, now_);
    if (spreading_ != 0 && spreading_blocks(next)) {
      spread_some();
      continue;
    }
    if (p.level == kNone || at(p).earliest > now_) {
      prepare_ahead();
      break;
    }
    enter(p, next);
    if (p.level > 0) continue;
    Timer& timer = *at(p).head;
    unlink(timer);
    --size_;
    out[n++] = {&timer, timer.tag};
  }
  return n;
}

// Nothing more is due: uses the time to spread what is large, and brings base_ up to now, where that moves nothing.
void TimerQueue::prepare_ahead() noexcept {
  if (spreading_ != 0) {
    spread_some();
    return;
  }
  const Position p = first_ahead();
  if (p.level == kNone || start_of(p) > now_) {
    base_ = now_;
  } else if (is_large(at(p), p.level)) {
    enter(p, now_);
    spread_some();
  }
}

TimePoint TimerQueue::next_due() const noexcept {
  if (size_ == 0) return TimePoint::max();
  Key next = std::numeric_limits<Key>::max();
  if (const Position p = first_ahead(); p.level != kNone) next = exact_earliest(at(p));
  for (std::uint32_t levels = spreading_; levels != 0; levels &= levels - 1) {
    const auto level = static_cast<std::size_t>(std::countr_zero(levels));
    next = std::min(next, exact_earliest(slots_[level][digit(base_, level)]));
  }
  return time_of(next);
}

TimePoint TimerQueue::wake_at() const noexcept {
  if (size_ == 0) return TimePoint::max();
  if (spreading_ != 0) return time_of(base_);
  const Position p = first_ahead();
  return time_of(is_large(at(p), p.level) ? start_of(p) : at(p).earliest);
}

}  // namespace engin::runtime
