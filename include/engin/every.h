// A callable that comes round again.
#ifndef ENGIN_EVERY_H_
#define ENGIN_EVERY_H_

#include <chrono>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "engin/detail/callable.h"
#include "engin/detail/time.h"

namespace engin {

/// What happens to calls that fell due while one was still running.
enum class Overlap : std::uint8_t {
  Skip,     ///< they are left out; the next call comes at the next due time
  RunOnce,  ///< one call makes up for all of them, at once
};

struct PeriodicOptions {
  /// From the attempt's start to the first call. Zero: at once.
  Duration first = Duration::zero();
  Overlap overlap = Overlap::Skip;
  /// Each call comes up to this much later than it is due, uniformly. At most the period.
  Duration jitter = Duration::zero();
};

namespace detail {
struct PeriodicSpec {
  Duration period{};
  PeriodicOptions options{};
};
template <class F>
struct Periodic {
  PeriodicSpec spec;
  F callable;
};
template <class F>
inline constexpr bool is_periodic = false;
template <class F>
inline constexpr bool is_periodic<Periodic<F>> = true;
}  // namespace detail

/// Calls `f` at first, first + period, first + 2 periods, ... after the attempt's start: a fixed schedule without
/// drift, however long the calls take. `f` is any callable that may be supervised; a coroutine's call lasts until it
/// has run to its end. It holds no thread between calls. The whole series is one attempt.
///
/// A call that fails: under Ignore it is recorded and the series goes on; under Retry the next call comes after the
/// backoff or at the next due time, whichever is earlier, one good call resets the delay, and a limit counts failed
/// calls; under Shutdown the application shuts down. A period or jitter that is not positive is refused by supervise().
template <class Rep, class Period, class F>
auto every(std::chrono::duration<Rep, Period> period, F f, PeriodicOptions options = {}) {
  detail::check_callable<F>();
  return detail::Periodic<F>{{detail::saturate(period), options}, std::move(f)};
}

}  // namespace engin

#endif  // ENGIN_EVERY_H_
