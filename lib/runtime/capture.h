// When a runner counts as captured. Arithmetic only.
#ifndef ENGIN_LIB_RUNTIME_CAPTURE_H_
#define ENGIN_LIB_RUNTIME_CAPTURE_H_

#include <cstdint>
#include <optional>

#include "absl/functional/function_ref.h"
#include "engin/detail/time.h"
#include "runtime/thread_activity.h"

namespace engin::runtime {

/// What can be seen of a runner from outside.
struct RunnerView {
  std::uint64_t sequence = 0;  // of its job; another one for each job, and for each time without
  bool in_job = false;
  Duration capture_after{};  // of the job
};

/// What the growth monitor remembers of one runner.
///
/// No clock is read per job on the runner: a job's age is counted from the first time the monitor saw it, so it is
/// never overestimated. A job that sleeps is as old as the clock says. One that does not sleep is only as old as the
/// processor time that it had: a runner that waits for a processor is not captured, and another thread would not help
/// it.
class CaptureRecord {
 public:
  /// A job that captured its runner and then returned before it was this old was a longer computation, or a short wait.
  /// The jobs that this runner begins within as long a time capture it only when they get this old. So short callables
  /// that compute do not multiply threads.
  static constexpr Duration kLenience = std::chrono::milliseconds(10);

  /// Takes note of what is seen at `now`; whether the runner is captured. `activity` tells what its thread does; it is
  /// asked only if that matters.
  bool look(const RunnerView& view, TimePoint now, absl::FunctionRef<Activity()> activity) noexcept {
    if (view.sequence != sequence_ || !seen_) begin(view.sequence, now);
    last_look_ = now;
    if (!view.in_job) return false;
    if (view.capture_after == Duration::zero()) return true;  // the job said that it blocks
    if (now - first_seen_ < view.capture_after) return false;
    overran_ = true;
    const Duration age = slept_ ? now - first_seen_ : age_by(activity(), now);
    is_long_ = age >= kLenience;
    return age >= (lenient_ ? kLenience : view.capture_after);
  }

  std::uint64_t sequence() const noexcept { return sequence_; }

 private:
  void begin(std::uint64_t sequence, TimePoint now) noexcept {
    const bool was_watched = now - last_look_ < kLenience;  // or else nobody knows how long it took
    if (overran_ && !is_long_ && was_watched) lenient_until_ = now + kLenience;
    seen_ = true;
    sequence_ = sequence;
    first_seen_ = now;
    lenient_ = now < lenient_until_;
    overran_ = slept_ = is_long_ = false;
    first_time_.reset();
  }

  Duration age_by(Activity activity, TimePoint now) noexcept {
    slept_ = activity.asleep;
    if (slept_) return now - first_seen_;
    if (!first_time_.has_value()) first_time_ = activity.processor_time;
    return activity.processor_time - *first_time_;
  }

  std::uint64_t sequence_ = 0;
  TimePoint first_seen_{};
  TimePoint last_look_{};
  TimePoint lenient_until_ = TimePoint::min();
  std::optional<Duration> first_time_;  // of processor time, when it was first asked for
  bool seen_ = false;
  bool lenient_ = false;  // all of the following: the job that runs
  bool overran_ = false;  // older than its capture_after, by the clock
  bool slept_ = false;    // when it was looked at
  bool is_long_ = false;
};

}  // namespace engin::runtime

#endif  // ENGIN_LIB_RUNTIME_CAPTURE_H_
