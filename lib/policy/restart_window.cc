#include "policy/restart_window.h"

#include <algorithm>
#include <memory>
#include <new>
#include <utility>

namespace engin::policy {

bool RestartWindow::allow(TimePoint when, const RestartLimit& limit) noexcept {
  if (!limit.max_restarts) return true;
  window_ = limit.window;
  if (groups_ > 0) when = std::max(when, at(groups_ - 1));
  forget_before(when);
  if (count() >= *limit.max_restarts) return false;
  if (groups_ == 0 || newest_ == group_) {
    make_room();
    ++groups_;
    newest_ = 0;
  }
  ++newest_;
  at(groups_ - 1) = when;
  return true;
}

void RestartWindow::take_back() noexcept {
  if (groups_ == 0) return;
  // In a group of several the time of the one before is gone: the group keeps the later time, which errs on the safe
  // side.
  if (--newest_ == 0) {
    --groups_;
    newest_ = groups_ > 0 ? group_ : 0;
  }
}

std::uint64_t RestartWindow::used(TimePoint now) const noexcept {
  // The times are in order: the groups outside are a beginning of the ring, found by halving.
  std::uint32_t low = 0;
  std::uint32_t high = groups_;
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    if (is_outside(at(middle), now)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low == groups_ ? 0 : (groups_ - low - 1) * group_ + newest_;
}

void RestartWindow::reset() noexcept {
  groups_ = 0;
  newest_ = 0;
  group_ = 1;
}

bool RestartWindow::is_outside(TimePoint restart, TimePoint now) const noexcept {
  if (window_ == Duration::max()) return false;  // for ever
  return detail::saturating_add(restart, window_) <= now;
}

void RestartWindow::forget_before(TimePoint now) noexcept {
  while (groups_ > 0 && is_outside(at(0), now)) {
    head_ = (head_ + 1) % capacity_;
    --groups_;
  }
  if (groups_ == 0) reset();
}

// Afterwards there is a free place in the ring.
void RestartWindow::make_room() noexcept {
  if (groups_ < capacity_ || grow()) return;
  merge_pairs();
}

bool RestartWindow::grow() noexcept {
  if (capacity_ >= most_groups) return false;
  const std::uint32_t larger = std::min(most_groups, capacity_ * 4);
  std::unique_ptr<TimePoint[]> moved(new (std::nothrow) TimePoint[larger]);
  if (!moved) return false;
  for (std::uint32_t i = 0; i < groups_; ++i) moved[i] = at(i);
  heap_ = std::move(moved);
  capacity_ = larger;
  head_ = 0;
  return true;
}

// Two neighbours become one, known by the later. Called with a full ring, whose size is even, and a full newest group,
// before a new one is begun.
void RestartWindow::merge_pairs() noexcept {
  groups_ /= 2;
  for (std::uint32_t i = 0; i < groups_; ++i) at(i) = at(2 * i + 1);
  group_ *= 2;
}

std::uint64_t RestartWindow::count() const noexcept { return groups_ == 0 ? 0 : (groups_ - 1) * group_ + newest_; }

}  // namespace engin::policy
