// Durations given to functions saturate: hours::max() means for ever.
#ifndef ENGIN_DETAIL_TIME_H_
#define ENGIN_DETAIL_TIME_H_

#include <chrono>
#include <limits>

namespace engin {

/// The clock of every time in this library: monotonic, never set by anybody.
using Clock = std::chrono::steady_clock;
using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<Clock, Duration>;

namespace detail {

/// `d` as nanoseconds, rounded up, or the nearest end of their range (292 years) where it does not fit.
template <class Rep, class Period>
constexpr Duration saturate(std::chrono::duration<Rep, Period> d) noexcept {
  using Wide = std::chrono::duration<long double, std::nano>;
  const auto wide = std::chrono::duration_cast<Wide>(d).count();
  if (!(wide < static_cast<long double>(std::numeric_limits<Duration::rep>::max()))) return Duration::max();
  if (wide <= static_cast<long double>(std::numeric_limits<Duration::rep>::min())) return Duration::min();
  return std::chrono::ceil<Duration>(d);
}
constexpr Duration saturate(Duration d) noexcept { return d; }

/// `t + d`, or the last moment there is.
constexpr TimePoint saturating_add(TimePoint t, Duration d) noexcept {
  if (d > Duration::zero() && t.time_since_epoch() > Duration::max() - d) return TimePoint::max();
  if (d < Duration::zero() && t.time_since_epoch() < Duration::min() - d) return TimePoint::min();
  return t + d;
}

/// The time point as nanoseconds of the monotonic clock; saturates.
template <class D>
constexpr TimePoint saturate(std::chrono::time_point<Clock, D> t) noexcept {
  return TimePoint(saturate(t.time_since_epoch()));
}

}  // namespace detail
}  // namespace engin

#endif  // ENGIN_DETAIL_TIME_H_
