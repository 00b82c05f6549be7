#include "policy/reachable.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/duration_text.h"
#include "base/text.h"

namespace engin::policy {

namespace {

// Wide enough for 2^64 delays of 2^63 ns each.
using Nanoseconds = absl::uint128;

std::uint64_t in_ns(Duration d) noexcept { return static_cast<std::uint64_t>(std::max(d, Duration::zero()).count()); }

// Sums of the earliest delays of restarts in a row, from the first on. After so many the delay counts as constant: a
// schedule or a growth that takes longer is taken for quicker than it is.
class RunTimes {
 public:
  RunTimes(const Backoff& backoff, Duration longest_delay) {
    constexpr std::size_t horizon = 10'000;
    const bool scheduled = !backoff.delays.empty();
    const std::size_t length = scheduled ? std::min(backoff.delays.size(), horizon) : horizon;
    for (std::size_t n = 1; n <= length; ++n) {
      const Backoff::Range range = backoff.range(n);
      add(std::min(range.earliest, longest_delay));
      const bool grows = range.latest < backoff.max && backoff.initial > Duration::zero() && backoff.multiplier > 1;
      if (!scheduled && !grows) break;
    }
    for (std::size_t n = length; n < backoff.delays.size(); ++n) last_ = std::min(last_, in_ns(backoff.delays[n]));
    shortest_ = std::min(shortest_, last_);
  }

  /// The delays of restarts 1 to n together.
  Nanoseconds first(std::uint64_t n) const noexcept {
    return n <= known() ? sums_[n] : sums_.back() + Nanoseconds(last_) * (n - known());
  }
  /// The delays of restarts begin + 1 to begin + n.
  Nanoseconds after(std::uint64_t begin, std::uint64_t n) const noexcept {
    const std::uint64_t end = std::min(n, std::numeric_limits<std::uint64_t>::max() - begin) + begin;
    return first(end) - first(begin);
  }
  std::uint64_t known() const noexcept { return sums_.size() - 1; }
  std::uint64_t shortest() const noexcept { return shortest_; }

 private:
  void add(Duration delay) {
    last_ = in_ns(delay);
    shortest_ = std::min(shortest_, last_);
    sums_.push_back(sums_.back() + last_);
  }

  std::vector<Nanoseconds> sums_ = {0};
  std::uint64_t last_ = 0;
  std::uint64_t shortest_ = std::numeric_limits<std::uint64_t>::max();
};

// n + 1 restarts in `runs` runs (at most n), each of which begins again with the first delay after `reset` of healthy
// running. Delays that never fall are shortest in runs of equal length. The clock starts with the first restart.
Nanoseconds in_runs(const RunTimes& times, std::uint64_t n, std::uint64_t runs, std::uint64_t reset) noexcept {
  // Of n + 1, without computing it: n may be the largest number there is.
  const std::uint64_t length = n / runs;
  const std::uint64_t longer = n % runs + 1;
  return times.first(length) * (runs - longer) + times.first(length + 1) * longer - times.first(1) +
         Nanoseconds(reset) * (runs - 1);
}

}  // namespace

Duration shortest_time_of(std::uint64_t n, const Backoff& backoff, Duration longest_delay) {
  if (n == 0) return Duration::zero();
  const RunTimes times(backoff, longest_delay);
  const std::uint64_t reset = in_ns(backoff.reset_after);
  Nanoseconds shortest = 0;
  if (!backoff.delays.empty()) {
    shortest = times.after(1, n);
    for (std::uint64_t begin = 2; begin <= times.known(); ++begin) shortest = std::min(shortest, times.after(begin, n));
    if (reset < shortest) shortest = std::min(shortest, Nanoseconds(times.shortest()) * n);
  } else {
    // in_runs is convex in the number of runs, so that its least value is found by halving.
    std::uint64_t low = 1;
    std::uint64_t high = n;
    while (low < high) {
      const std::uint64_t middle = low + (high - low) / 2;
      if (in_runs(times, n, middle, reset) <= in_runs(times, n, middle + 1, reset)) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    const Nanoseconds each_a_run = (times.first(1) + reset) * n;
    shortest = std::min(in_runs(times, n, low, reset), each_a_run);
  }
  if (shortest > in_ns(Duration::max())) return Duration::max();
  return Duration(static_cast<Duration::rep>(shortest));
}

absl::Status validate(const RestartLimit& limit, const Backoff& backoff, Duration longest_delay) {
  const auto refused = [](absl::string_view field, const std::string& reason) {
    return absl::InvalidArgumentError(absl::StrCat("restart_limit.", field, ": ", reason));
  };
  if (limit.window < Duration::zero()) {
    return refused("window", "must not be negative, is " + base::exact_duration_text(limit.window));
  }
  if (limit.then.rest() < Duration::zero()) {
    return refused("then", "CoolDown must not be negative, is " + base::exact_duration_text(limit.then.rest()));
  }
  // Without a limit, or with none at all, the window does not matter; one that lasts for ever forgets nothing.
  if (limit.max_restarts.value_or(0) == 0 || limit.window == Duration::max()) return absl::OkStatus();
  const Duration shortest = shortest_time_of(*limit.max_restarts, backoff, longest_delay);
  if (shortest < limit.window) return absl::OkStatus();
  const std::uint64_t n = *limit.max_restarts;
  return refused(
      "max_restarts",
      absl::StrCat("can never be reached: at the backoff's earliest delays, restart ",
                   n == std::numeric_limits<std::uint64_t>::max() ? base::grouped(n) + " + 1" : base::grouped(n + 1),
                   " comes ", base::exact_duration_text(shortest), " after the first or later, and the window is ",
                   base::exact_duration_text(limit.window)));
}

}  // namespace engin::policy
