// How late the ticks of a periodic callable come: recorded as moments, judged afterwards against the schedule's phase.
#ifndef ENGIN_BENCH_TICKS_H_
#define ENGIN_BENCH_TICKS_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

#include "support.h"

namespace engin::bench {

/// The moments at which one ticker ticked. Written by one thread at a time.
class Ticks {
 public:
  explicit Ticks(std::size_t room) { at_.reserve(room); }
  void tick() {
    if (at_.size() < at_.capacity()) at_.push_back(Clock::now());
    count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  std::size_t count() const { return count_.load(std::memory_order_acquire); }
  TimePoint last() const { return at_.back(); }

  /// The lateness of the ticks from `begin` to `end`, if they were due at `some_due` and whole periods before and
  /// after. One that was due and did not come is as late as the next one that did.
  void add_lateness(Samples& samples, TimePoint begin, TimePoint end, TimePoint some_due, Duration period) const {
    const TimePoint origin = some_due - std::chrono::hours(1) / period * period;
    Duration::rep before = -1;
    for (const TimePoint at : at_) {
      if (at < begin || at >= end) continue;
      const Duration::rep index = (at - origin) / period;
      if (before < 0) before = index - 1;
      for (Duration::rep i = std::min(before + 1, index); i <= index; ++i) samples.add(at - (origin + i * period));
      before = index;
    }
  }

 private:
  std::vector<TimePoint> at_;
  std::atomic<std::size_t> count_ = 0;
};

}  // namespace engin::bench

#endif  // ENGIN_BENCH_TICKS_H_
