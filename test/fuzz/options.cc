// Options of any kind: validate() and preview() say what they promise, and supervise() believes them.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <fuzzer/FuzzedDataProvider.h>

#include "engin/supervisor.h"
#include "engin/testing/virtual_runtime.h"
#include "policy/restart_window.h"

namespace {

using namespace engin;

#define REQUIRE(condition)                                        \
  do {                                                            \
    if (!(condition)) {                                           \
      std::printf("%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      std::fflush(stdout);                                        \
      std::abort();                                               \
    }                                                             \
  } while (false)

Duration duration(FuzzedDataProvider& data) {
  switch (data.ConsumeIntegralInRange<int>(0, 4)) {
    case 0:
      return Duration(data.ConsumeIntegral<Duration::rep>());
    case 1:
      return std::chrono::milliseconds(data.ConsumeIntegralInRange<int>(0, 100'000));
    case 2:
      return Duration::max();
    case 3:
      return Duration(data.ConsumeIntegralInRange<int>(-2, 2));
    default:
      return std::chrono::hours(data.ConsumeIntegralInRange<int>(0, 2'500'000));
  }
}

Backoff backoff(FuzzedDataProvider& data) {
  Backoff b;
  b.initial = duration(data);
  b.max = duration(data);
  b.multiplier = data.ConsumeBool() ? data.ConsumeFloatingPoint<double>() : data.ConsumeIntegralInRange<int>(0, 5);
  b.jitter = static_cast<Jitter>(data.ConsumeIntegralInRange<int>(0, 3));
  b.reset_after = duration(data);
  for (int n = data.ConsumeIntegralInRange<int>(-3, 4); n > 0; --n) b.delays.push_back(duration(data));
  return b;
}

void check(const Backoff& b, std::uint64_t n, std::uint64_t random) {
  const Backoff::Range range = b.range(n);
  REQUIRE(range.earliest >= Duration::zero() && range.earliest <= range.latest);
  const Duration delay = b.delay(n, random);
  REQUIRE(delay >= range.earliest && delay <= range.latest);
  if (!b.validate().ok()) return;
  if (b.delays.empty()) {
    REQUIRE(range.latest <= b.max);
    if (n > 0 && n < UINT64_MAX) REQUIRE(b.range(n + 1).latest >= range.latest);
    if (n == 1) REQUIRE(range.latest == b.initial);
  }
  const auto preview = b.preview(5);
  for (std::size_t i = 0; i < preview.size(); ++i) REQUIRE(preview[i] == b.range(i + 1));
}

void check(const RestartLimit& limit, FuzzedDataProvider& data) {
  if (!limit.max_restarts || *limit.max_restarts > 1000 || limit.window < Duration::zero()) return;
  policy::RestartWindow window;
  std::vector<TimePoint> allowed;
  TimePoint now{};
  for (int i = 0; i < 40; ++i) {
    now = detail::saturating_add(now, std::max(Duration::zero(), duration(data)));
    const auto inside = static_cast<std::uint64_t>(std::count_if(allowed.begin(), allowed.end(), [&](TimePoint t) {
      return limit.window == Duration::max() || detail::saturating_add(t, limit.window) > now;
    }));
    const bool allow = window.allow(now, limit);
    REQUIRE(allow == (inside < *limit.max_restarts));
    if (allow) allowed.push_back(now);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  FuzzedDataProvider data(bytes, size);
  TaskOptions options;
  options.name = data.ConsumeRandomLengthString(140);
  options.on_exception = static_cast<OnException>(data.ConsumeIntegralInRange<int>(0, 3));
  options.on_return = static_cast<OnReturn>(data.ConsumeIntegralInRange<int>(0, 3));
  options.backoff = backoff(data);
  if (data.ConsumeBool())
    options.restart_limit.max_restarts = data.ConsumeIntegralInRange<std::uint64_t>(0, UINT64_MAX);
  options.restart_limit.window = duration(data);
  if (data.ConsumeBool()) options.restart_limit.then = OnLimit::CoolDown(duration(data));
  options.hook_timeout = duration(data);
  options.stop_timeout = duration(data);
  options.heartbeat_timeout = duration(data);
  check(options.backoff, data.ConsumeIntegral<std::uint64_t>(), data.ConsumeIntegral<std::uint64_t>());
  check(options.backoff, 1, data.ConsumeIntegral<std::uint64_t>());
  check(options.restart_limit, data);
  (void)options.restart_limit.validate(options.backoff);

  testing::VirtualRuntime world(1);
  SupervisorOptions given;
  given.default_observer = false;
  given.runtime = world;
  given.shutdown_timeout = duration(data);
  given.max_runners = data.ConsumeIntegral<int>();
  if (data.ConsumeBool()) given.runners = data.ConsumeIntegral<int>();
  given.runner_stack_size = data.ConsumeIntegral<std::size_t>();
  const bool good = given.validate().ok();
  try {
    Supervisor supervisor(given);
    REQUIRE(good);
    const absl::Status valid = options.validate();
    bool accepted = true;
    try {
      supervisor.supervise([] {}, options);
    } catch (const InvalidOptions&) {
      accepted = false;
    }
    REQUIRE(accepted == valid.ok());
  } catch (const InvalidOptions&) {
    REQUIRE(!good);
  }
  return 0;
}
