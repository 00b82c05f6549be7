// Many runs, and the plainest one that still fails.
#ifndef ENGIN_TEST_LOWER_CUT_EXPLORE_H_
#define ENGIN_TEST_LOWER_CUT_EXPLORE_H_

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>
#include <unordered_set>

#include "test/lower_cut/program.h"
#include "test/lower_cut/run.h"
#include "test/simulation/strategy.h"

namespace engin::lower {

/// The strategy that a program's seed stands for: a random walk or priorities.
std::unique_ptr<simulation::Strategy> strategy_of(const Program& program);

class Explorer {
 public:
  /// One run; false if it failed.
  bool run(std::uint64_t seed);
  /// All runs of a small program with at most `most_detours` choices that are not the plain one, or `most_runs`; false
  /// if one failed.
  bool exhaust(const Program& program, std::size_t most_detours, std::size_t most_runs);
  /// The latest failure: what broke, and the plainest choices that break the same, with their trace.
  void explain(std::ostream& out) const;

  std::size_t runs() const noexcept { return runs_; }
  std::size_t choices() const noexcept { return choices_; }
  std::size_t steps() const noexcept { return steps_; }
  std::size_t distinct() const noexcept { return schedules_.size(); }
  /// Of the latest `exhaust`: there was nothing left to try.
  bool complete() const noexcept { return complete_; }

 private:
  bool note(const Program& program, const Result& result);

  std::size_t runs_ = 0;
  std::size_t choices_ = 0;
  std::size_t steps_ = 0;
  bool complete_ = false;
  std::unordered_set<std::uint64_t> schedules_;
  Program program_;
  Result latest_;
  simulation::Picks picks_;
};

/// One run with its trace; false if it failed.
bool replay(std::uint64_t seed, std::ostream& out);

}  // namespace engin::lower

#endif  // ENGIN_TEST_LOWER_CUT_EXPLORE_H_
