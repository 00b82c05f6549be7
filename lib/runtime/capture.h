// When a runner counts as captured. Arithmetic only.
#ifndef ENGIN_LIB_RUNTIME_CAPTURE_H_
#define ENGIN_LIB_RUNTIME_CAPTURE_H_

#include <cstdint>

#include "engin/detail/time.h"

namespace engin::runtime {

/// What can be seen of a runner from outside.
struct RunnerView {
  std::uint64_t sequence = 0;  // of its job; another one for each job, and for each time without
  bool in_job = false;
  bool blocks = false;       // the job said that it blocks
  Duration capture_after{};  // of the job
};

/// What the growth monitor remembers of one runner. No clock is read per job on the runner: a job's age is counted from
/// the first time the monitor saw it, so it is never overestimated.
class CaptureRecord {
 public:
  /// A captured job that returned within this time was no blocking one, only a longer computation; for as long again,
  /// its runner counts as captured only when its job has run this long. So short callables that compute do not multiply
  /// threads.
  static constexpr Duration kLenience = std::chrono::milliseconds(10);

  /// Takes note of what is seen at `now`; whether the runner is captured.
  bool look(const RunnerView& view, TimePoint now) noexcept {
    if (view.sequence != sequence_ || !seen_) {
      if (seen_ && overran_ && now - first_seen_ < kLenience) lenient_until_ = now + kLenience;
      seen_ = true;
      sequence_ = view.sequence;
      first_seen_ = now;
      overran_ = false;
    }
    if (!view.in_job) return false;
    if (view.blocks || view.capture_after == Duration::zero()) return true;
    const Duration age = now - first_seen_;
    if (age < view.capture_after) return false;
    overran_ = true;
    return age >= kLenience || now >= lenient_until_;
  }

  std::uint64_t sequence() const noexcept { return sequence_; }
  TimePoint first_seen() const noexcept { return first_seen_; }

 private:
  std::uint64_t sequence_ = 0;
  TimePoint first_seen_{};
  TimePoint lenient_until_ = TimePoint::min();
  bool seen_ = false;
  bool overran_ = false;
};

}  // namespace engin::runtime

#endif  // ENGIN_LIB_RUNTIME_CAPTURE_H_
