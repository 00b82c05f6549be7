// A small program that uses the runtime, made up from a seed.
#ifndef ENGIN_TEST_LOWER_CUT_PROGRAM_H_
#define ENGIN_TEST_LOWER_CUT_PROGRAM_H_

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <vector>

#include "engin/detail/time.h"
#include "runtime/runtime.h"

namespace engin::lower {

struct Op {
  enum class Kind : std::uint8_t {
    Post,     ///< job `index`
    Block,    ///< until token `index`, which is given at its time
    Compute,  ///< for d
    Sleep,    ///< for d
    NextJob,  ///< Runtime::next_job
    Arm,      ///< timer `index`, in d
    Cancel,   ///< timer `index`
    Again,    ///< at the end of its job: the job is posted once more, d.count() times in all
  };
  Kind kind = Kind::Compute;
  std::size_t index = 0;
  Duration d{};
};

/// How long its jobs may run before they capture their runner.
enum class JobKind : std::uint8_t { Step, Plain, Blocking };

struct JobPlan {
  JobKind kind = JobKind::Step;
  runtime::Lane lane = runtime::Lane::Ready;
  std::vector<Op> ops;
};

struct Program {
  std::uint64_t seed = 0;
  int runners = 1;
  int max_runners = 1;
  std::vector<JobPlan> jobs;
  std::vector<Duration> tokens;          // when each one is given, from the beginning
  std::vector<std::size_t> timers;       // the job that each one posts when it fires, or jobs.size(): none
  std::vector<Op> before_start;          // Post and Arm
  std::vector<std::vector<Op>> threads;  // of the program
  /// What stop() finds: nothing left, jobs that run, or jobs that are still queued.
  enum class StopAt : std::uint8_t { Done, Begun, Any };
  StopAt stop_at = StopAt::Done;
  bool leaves_timers = false;  // pending
  // The machine.
  bool store_buffers = true;
  bool membarrier = true;
  std::uint32_t delayed = 4;
  std::uint32_t spurious = 0;
  std::uint32_t stalls = 0;
  std::uint32_t late = 0;
  std::uint32_t refused = 0;
};

Program generate(std::uint64_t seed);
/// One runner, one thread, few jobs, nothing unusual: for exhaustive search. `which` < small_programs().
Program small_program(std::size_t which);
std::size_t small_programs() noexcept;

std::ostream& operator<<(std::ostream& out, const Program& program);

}  // namespace engin::lower

#endif  // ENGIN_TEST_LOWER_CUT_PROGRAM_H_
