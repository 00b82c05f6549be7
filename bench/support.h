// What the benchmarks share: sizes, samples, and how a row is written.
#ifndef ENGIN_BENCH_SUPPORT_H_
#define ENGIN_BENCH_SUPPORT_H_

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#include "engin/supervisor.h"

namespace engin::bench {

/// The sizes that the goals are about. Without ENGIN_BENCH_FULL=1 everything runs, but small, to see that it works.
inline bool full() {
  const char* const value = std::getenv("ENGIN_BENCH_FULL");
  return value != nullptr && std::string_view(value) == "1";
}
template <class T>
T sized(T brief, T whole) {
  return full() ? whole : brief;
}

/// No observer at all, unless a row is about observers.
inline SupervisorOptions quiet(std::optional<int> runners = std::nullopt) {
  SupervisorOptions options;
  options.runners = runners;
  options.default_observer = false;
  return options;
}

inline double seconds_of(Duration d) { return std::chrono::duration<double>(d).count(); }

/// Times in nanoseconds, in any order.
class Samples {
 public:
  void reserve(std::size_t n) { values_.reserve(n); }
  void add(Duration d) { values_.push_back(d.count()); }
  void add_all(const Samples& other) { values_.insert(values_.end(), other.values_.begin(), other.values_.end()); }
  void clear() { values_.clear(); }
  std::size_t size() const { return values_.size(); }
  /// The smallest value that a share of `q` does not exceed.
  double quantile(double q) {
    if (values_.empty()) return 0;
    const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(values_.size())));
    const auto place = values_.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(rank, 1) - 1);
    std::nth_element(values_.begin(), place, values_.end());
    return static_cast<double>(*place);
  }

 private:
  std::vector<Duration::rep> values_;
};

/// Of a few values: one disturbed round does not move it.
inline double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// One row: counters, and the goals they are held against in its label.
class Row {
 public:
  explicit Row(benchmark::State& state) : state_(state) {}
  Row(const Row&) = delete;
  Row& operator=(const Row&) = delete;

  void put(const std::string& name, double value) { state_.counters[name] = benchmark::Counter(value); }
  void at_most(const std::string& name, double value, double goal) { put(name, value, "<=", goal, value <= goal); }
  void at_least(const std::string& name, double value, double goal) { put(name, value, ">=", goal, value >= goal); }

  /// What the loop did and what the supervisor counted must agree.
  void check(bool agrees, const char* what) {
    if (!agrees) state_.SkipWithError(what);
  }

 private:
  void put(const std::string& name, double value, const char* relation, double goal, bool met) {
    put(name, value);
    std::array<char, 160> text{};
    std::snprintf(text.data(), text.size(), "%s%s %.4g (goal %s %.4g%s)", label_.empty() ? "" : ", ", name.c_str(),
                  value, relation, goal, met ? "" : ", MISSED");
    label_ += text.data();
    state_.SetLabel(label_);
  }

  benchmark::State& state_;
  std::string label_;
};

/// What the whole process has used so far.
struct Usage {
  Duration processor{};
  long voluntary_switches = 0;

  static Usage now() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto of = [](const timeval& t) {
      return std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec);
    };
    return {of(usage.ru_utime) + of(usage.ru_stime), usage.ru_nvcsw};
  }
};

/// The bare sleeper that timers are compared with, on the calling thread: nothing but the kernel.
inline void use_exact_timers() { prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); }
inline void sleep_to(TimePoint until) {
  const auto since = until.time_since_epoch();
  const auto whole = std::chrono::floor<std::chrono::seconds>(since);
  const timespec at{static_cast<time_t>(whole.count()), static_cast<long>((since - whole).count())};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) != 0) {
  }
}

}  // namespace engin::bench

#endif  // ENGIN_BENCH_SUPPORT_H_
