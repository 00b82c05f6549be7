#include "engin/backoff.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/duration_text.h"

namespace engin {

namespace {

// What schedule({}) holds, since no delays at all would mean the exponential rule. validate() refuses it.
constexpr Duration no_delay_given = Duration::min();

Duration not_negative(Duration d) noexcept { return std::max(d, Duration::zero()); }

// min(cap, initial * factor^steps) for a whole factor of at least 2: exact, in at most 63 rounds.
Duration grown_by_integer(Duration initial, Duration cap, std::int64_t factor, std::uint64_t steps) noexcept {
  const Duration::rep last_that_fits = cap.count() / factor;
  Duration::rep grown = initial.count();
  for (; steps > 0; --steps) {
    if (grown > last_that_fits) return cap;
    grown *= factor;
  }
  return std::min(Duration(grown), cap);
}

// The same for any factor above 1, rounded to the nearest nanosecond.
Duration grown_by_real(Duration initial, Duration cap, double factor, std::uint64_t steps) noexcept {
  const auto real_cap = static_cast<long double>(cap.count());
  auto grown = static_cast<long double>(initial.count());
  // So few products err less than a nanosecond in a hundred days, and cost a few nanoseconds where a power costs a
  // thousand.
  constexpr std::uint64_t few = 64;
  if (steps <= few) {
    for (; steps > 0 && grown < real_cap; --steps) grown *= static_cast<long double>(factor);
  } else {
    const auto real_steps = static_cast<long double>(steps);
    // 2^63 times the smallest initial exceeds every cap. Asked first, so that the power cannot overflow: a process may
    // have chosen to be killed for that.
    if (real_steps * std::log2(static_cast<long double>(factor)) >= 63) return cap;
    grown *= std::pow(static_cast<long double>(factor), real_steps);
  }
  return grown < real_cap ? std::min(Duration(std::llround(grown)), cap) : cap;
}

// The delay before restart number n in a row, without jitter. Takes anything, also what validate() refuses.
Duration unjittered(const Backoff& backoff, std::uint64_t n) noexcept {
  if (!backoff.delays.empty()) {
    const std::uint64_t last = backoff.delays.size() - 1;
    return not_negative(backoff.delays[std::min(std::max<std::uint64_t>(n, 1) - 1, last)]);
  }
  const Duration cap = not_negative(backoff.max);
  const Duration initial = std::min(not_negative(backoff.initial), cap);
  const std::uint64_t steps = n > 1 ? n - 1 : 0;
  const double factor = backoff.multiplier;
  if (steps == 0 || initial == cap || initial == Duration::zero() || !(factor > 1)) return initial;
  constexpr double largest_whole =
      9007199254740992.0;  // 2^53: beyond it all doubles are whole, and too large to matter
  if (factor >= largest_whole) return grown_by_integer(initial, cap, std::int64_t{1} << 53, steps);
  if (factor == std::floor(factor)) return grown_by_integer(initial, cap, static_cast<std::int64_t>(factor), steps);
  return grown_by_real(initial, cap, factor, steps);
}

// The upper half of the product: maps 64 uniform bits to [0, size).
std::uint64_t scale(std::uint64_t random, std::uint64_t size) noexcept {
  const std::uint64_t low = (random & 0xffffffffU) * (size & 0xffffffffU);
  const std::uint64_t mid1 = (random >> 32) * (size & 0xffffffffU) + (low >> 32);
  const std::uint64_t mid2 = (random & 0xffffffffU) * (size >> 32) + (mid1 & 0xffffffffU);
  return (random >> 32) * (size >> 32) + (mid1 >> 32) + (mid2 >> 32);
}

absl::Status refused(absl::string_view field, absl::string_view reason) {
  return absl::InvalidArgumentError(absl::StrCat("backoff.", field, ": ", reason));
}

absl::Status refuse_negative(absl::string_view field, Duration d) {
  if (d >= Duration::zero()) return absl::OkStatus();
  return refused(field, absl::StrCat("must not be negative, is ", base::exact_duration_text(d)));
}

}  // namespace

Backoff Backoff::immediate() { return constant(Duration::zero()); }

Backoff Backoff::constant(Duration delay) {
  Backoff backoff;
  backoff.initial = delay;
  backoff.max = delay;
  backoff.multiplier = 1;
  backoff.jitter = Jitter::None;
  return backoff;
}

Backoff Backoff::schedule(std::vector<Duration> delays) {
  Backoff backoff;
  if (delays.empty()) delays.push_back(no_delay_given);
  backoff.delays = std::move(delays);
  return backoff;
}

Backoff::Range Backoff::range(std::uint64_t n) const noexcept {
  const Duration latest = unjittered(*this, n);
  if (!delays.empty()) return {latest, latest};
  switch (jitter) {
    case Jitter::Equal:
      return {latest / 2, latest};
    case Jitter::Full:
      return {Duration::zero(), latest};
    case Jitter::None:
      break;
  }
  return {latest, latest};
}

std::vector<Backoff::Range> Backoff::preview(std::size_t n) const {
  std::vector<Range> ranges;
  ranges.reserve(n);
  for (std::size_t i = 1; i <= n; ++i) ranges.push_back(range(i));
  return ranges;
}

Duration Backoff::delay(std::uint64_t n, std::uint64_t random) const noexcept {
  const Range drawn_from = range(n);
  // Not more than 2^63, for neither end is negative.
  const std::uint64_t size = static_cast<std::uint64_t>((drawn_from.latest - drawn_from.earliest).count()) + 1;
  return drawn_from.earliest + Duration(static_cast<Duration::rep>(scale(random, size)));
}

absl::Status Backoff::validate() const {
  if (absl::Status status = refuse_negative("reset_after", reset_after); !status.ok()) return status;
  if (!delays.empty()) {
    if (delays.front() == no_delay_given) return refused("delays", "a schedule needs at least one delay, has none");
    for (std::size_t i = 0; i < delays.size(); ++i) {
      absl::Status status = refuse_negative(absl::StrCat("delays[", i, "]"), delays[i]);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }
  if (absl::Status status = refuse_negative("initial", initial); !status.ok()) return status;
  if (absl::Status status = refuse_negative("max", max); !status.ok()) return status;
  if (initial > max) {
    return refused("initial", absl::StrCat("must not exceed backoff.max, which is ", base::exact_duration_text(max),
                                           ", is ", base::exact_duration_text(initial)));
  }
  // Written so that NaN is refused.
  if (!(multiplier >= 1)) return refused("multiplier", absl::StrFormat("must be at least 1, is %g", multiplier));
  if (std::isinf(multiplier)) return refused("multiplier", "must be finite, is inf");
  if (jitter != Jitter::Equal && jitter != Jitter::Full && jitter != Jitter::None) {
    return refused("jitter", absl::StrCat("there is no such jitter: ", static_cast<int>(jitter)));
  }
  return absl::OkStatus();
}

}  // namespace engin
