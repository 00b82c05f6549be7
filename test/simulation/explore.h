// Many runs; and the shortest one that still fails.
#ifndef ENGIN_TEST_SIMULATION_EXPLORE_H_
#define ENGIN_TEST_SIMULATION_EXPLORE_H_

#include <cstdint>
#include <iosfwd>

#include "absl/container/flat_hash_set.h"
#include "runtime/virtual_world.h"
#include "test/simulation/simulation.h"
#include "test/simulation/strategy.h"

namespace engin::simulation {

class Explorer {
 public:
  using Make = Scenario (*)(std::uint64_t);
  explicit Explorer(Make make) : make_(make), checkers_(make_checkers()) {}
  /// One run; false if an invariant broke.
  bool run(std::uint64_t seed);
  /// As run, but with the seed's priorities (PCT) instead of its random walk.
  bool run_with_priorities(std::uint64_t seed);
  /// All runs of the seed's scenario with at most `most_detours` choices that are not the plain one, or `most_runs`.
  bool exhaust(std::uint64_t seed, std::size_t most_detours, std::size_t most_runs);
  /// What broke in the latest run, and a smaller scenario that breaks the same.
  void explain(std::ostream& out);

  std::uint64_t runs() const noexcept { return runs_; }
  std::uint64_t choices() const noexcept { return choices_; }
  std::size_t distinct() const noexcept { return schedules_.size(); }
  const RunResult& latest() const noexcept { return latest_; }

 private:
  bool run(const Scenario& scenario, Strategy* strategy);

  Make make_;
  Checkers checkers_;
  std::uint64_t runs_ = 0;
  std::uint64_t choices_ = 0;
  std::uint64_t seed_ = 0;
  Picks picks_;  // of the latest run, unless it was the seed's random walk
  absl::flat_hash_set<std::uint64_t> schedules_;
  RunResult latest_;
};

/// Asks a Strategy for the choices of a virtual world.
class StrategyChooser final : public runtime::Chooser {
 public:
  explicit StrategyChooser(Strategy& strategy) noexcept : strategy_(strategy) {}
  std::size_t choose(std::size_t n) override { return strategy_.choose(n); }
  std::size_t next(absl::Span<const std::uint64_t> who) override {
    return strategy_.next({who.data(), who.size()}, false);
  }
  bool interrupts(absl::Span<const std::uint64_t> who) override {
    return strategy_.next({who.data(), who.size()}, true) != 0;
  }

 private:
  Strategy& strategy_;
};

/// The choices that a scenario's seed makes by itself.
class SeedsOwn final : public Strategy {
 public:
  explicit SeedsOwn(const Scenario& scenario) noexcept;
  std::size_t next(std::span<const std::uint64_t> who, bool first_runs) override;
  std::size_t choose(std::size_t n) override { return random_.below(n); }
  bool happens(std::uint32_t) override { return false; }

 private:
  base::Random random_;
  std::uint32_t interrupted_one_in_;
};

/// One run with its trace; false if an invariant broke. Without a strategy, the seed decides.
bool replay(const Scenario& scenario, std::ostream& out, Strategy* strategy = nullptr);
/// Leaves out tasks, steps, commands and so on, as long as the same invariant breaks.
Scenario shorten(const Scenario& scenario);

}  // namespace engin::simulation

#endif  // ENGIN_TEST_SIMULATION_EXPLORE_H_
