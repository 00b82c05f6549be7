// Many runs; and the shortest one that still fails.
#ifndef ENGIN_TEST_SIMULATION_EXPLORE_H_
#define ENGIN_TEST_SIMULATION_EXPLORE_H_

#include <cstdint>
#include <iosfwd>
#include <unordered_set>

#include "test/simulation/simulation.h"

namespace engin::simulation {

class Explorer {
 public:
  using Make = Scenario (*)(std::uint64_t);
  explicit Explorer(Make make) : make_(make), checkers_(make_checkers()) {}
  /// One run; false if an invariant broke.
  bool run(std::uint64_t seed);
  /// What broke in the latest run, and a smaller scenario that breaks the same.
  void explain(std::ostream& out);

  std::uint64_t runs() const noexcept { return runs_; }
  std::uint64_t choices() const noexcept { return choices_; }
  std::size_t distinct() const noexcept { return schedules_.size(); }
  const RunResult& latest() const noexcept { return latest_; }

 private:
  Make make_;
  Checkers checkers_;
  std::uint64_t runs_ = 0;
  std::uint64_t choices_ = 0;
  std::uint64_t seed_ = 0;
  std::unordered_set<std::uint64_t> schedules_;
  RunResult latest_;
};

/// One run with its trace; false if an invariant broke.
bool replay(const Scenario& scenario, std::ostream& out);
/// Leaves out tasks, steps, commands and so on, as long as the same invariant breaks.
Scenario shorten(const Scenario& scenario);

}  // namespace engin::simulation

#endif  // ENGIN_TEST_SIMULATION_EXPLORE_H_
