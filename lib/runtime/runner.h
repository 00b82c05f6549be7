// One thread that runs jobs, as the others see it.
#ifndef ENGIN_LIB_RUNTIME_RUNNER_H_
#define ENGIN_LIB_RUNTIME_RUNNER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/atomic.h"
#include "base/futex.h"
#include "base/thread.h"
#include "runtime/capture.h"
#include "runtime/local_queue.h"
#include "runtime/runtime.h"

namespace engin::runtime {

class RunnerPool;

/// A place for a runner; used again when its runner has retired. Never freed before the pool is.
class alignas(64) Runner {
 public:
  enum class Kind : std::uint8_t {
    Core,  ///< any job
    Stop,  ///< beyond max_runners, for stop jobs alone; ends when there are none
  };

  /// Jobs that may run as long as this before they capture their runner are coroutine steps and periodic calls.
  static constexpr Duration kShortJob = std::chrono::milliseconds(1);

  Runner(RunnerPool& owner, std::size_t at) noexcept : pool(owner), index(at) {}

  // --- The job that runs; written by this runner alone. ---

  void begin_job(const JobType& type) noexcept {
    capture_after_.store(type.capture_after.count(), std::memory_order_relaxed);
    next_sequence(type.for_stopping && kind == Kind::Core);
  }
  /// It looks for a job.
  void begin_search() noexcept {
    capture_after_.store(kNoJob, std::memory_order_relaxed);
    next_sequence(false);
  }
  /// A coroutine step or a periodic call: expected to return soon. Any thread; a hint.
  bool in_short_job() const noexcept { return capture_after_.load(std::memory_order_relaxed) >= kShortJob.count(); }
  /// Whether it has jobs that another one should take. Its last one stays with a runner that is about to come back for
  /// it.
  bool has_jobs_to_give() const noexcept {
    const std::size_t size = local.size();
    return size > 1 || (size == 1 && !in_short_job());
  }
  /// Any thread. The parts may be of two consecutive jobs; then the sequence number changes before the next look.
  RunnerView view() const noexcept {
    RunnerView view;
    view.sequence = sequence_.load(std::memory_order_acquire);
    const std::int64_t after = capture_after_.load(std::memory_order_relaxed);
    view.in_job = after != kNoJob;
    view.capture_after = Duration(view.in_job ? after : 0);
    return view;
  }

  void note_captured(bool captured) noexcept {
    captured_in_.store(captured ? record.sequence() : 0, std::memory_order_relaxed);
  }
  /// As the growth monitor saw it last, or as the job said. Any thread.
  bool is_captured() const noexcept {
    const RunnerView seen = view();
    return seen.in_job &&
           (seen.capture_after == Duration::zero() || captured_in_.load(std::memory_order_relaxed) == seen.sequence);
  }

  /// A runner of jobs of all kinds, captured by a stop job; as the growth monitor saw it last.
  bool is_held_by_stop_job() const noexcept {
    const std::uint64_t sequence = sequence_.load(std::memory_order_relaxed);
    return (sequence & kForStopping) != 0 && captured_in_.load(std::memory_order_relaxed) == sequence;
  }

  /// Put into by this runner alone, taken from by all.
  LocalQueue local;
  /// Counts what this runner took, for taking turns. Its own.
  std::uint32_t turn = 0;
  bool ran_plain = false;  // since it parked; its own

  static constexpr std::uint32_t kWakeToSearch = 1;
  static constexpr std::uint32_t kWakeToEnd = 2;
  /// Set by whoever takes this runner out of the list of parked ones.
  alignas(64) base::FutexWord wake{0};
  Kind kind = Kind::Core;
  // Written under the pool's mutex.
  bool taken = false;                // has, or had, a thread that was not joined yet
  bool being_joined = false;         // by the one that retired next
  base::Atomic<bool> active{false};  // its thread may run jobs

  base::Atomic<pid_t> thread_id{0};

  // Of the growth monitor.
  CaptureRecord record;

  RunnerPool& pool;
  const std::size_t index;
  base::Thread thread;

 private:
  static constexpr std::int64_t kNoJob = -1;

  static constexpr std::uint64_t kForStopping = 1;

  void next_sequence(bool for_stopping) noexcept {
    const std::uint64_t next = (sequence_.load(std::memory_order_relaxed) | kForStopping) + 1;
    sequence_.store(next | (for_stopping ? kForStopping : 0), std::memory_order_release);
  }

  base::Atomic<std::uint64_t> sequence_{2};  // of jobs and searches; its lowest bit: a stop job
  base::Atomic<std::int64_t> capture_after_{kNoJob};
  base::Atomic<std::uint64_t> captured_in_{0};
};

}  // namespace engin::runtime

#endif  // ENGIN_LIB_RUNTIME_RUNNER_H_
