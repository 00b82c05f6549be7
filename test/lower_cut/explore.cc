#include "test/lower_cut/explore.h"

#include <algorithm>
#include <array>
#include <ostream>
#include <utility>

#include "base/random.h"

namespace engin::lower {

using simulation::Exhaustive;
using simulation::Picks;
using simulation::Recorder;
using simulation::Replay;

namespace {

constexpr std::size_t kMostShorteningRuns = 1500;

// "L2", "timer" and so on: what stands before the colon.
std::string kind_of(const std::string& failure) { return failure.substr(0, failure.find(':')); }

void tell(std::ostream& out, const Program& program, const Picks& picks) {
  out << program << "choices: " << simulation::text_of(picks) << "\n\n";
  Replay strategy(picks);
  const Result result = lower::run(program, strategy, [&out](const std::string& line) { out << line << '\n'; });
  out << "\n" << result.steps << " steps, " << result.choices << " choices\n" << result.failure << "\n";
}

}  // namespace

std::unique_ptr<simulation::Strategy> strategy_of(const Program& program) {
  base::Random random(base::mix(program.seed) ^ 0x5ca1ab1e);
  if (random.below(2) == 0) return std::make_unique<simulation::RandomWalk>(random.next());
  // A run of a program of two jobs asks some 150 times.
  const bool is_short = program.jobs.size() <= 2;
  constexpr std::array<std::size_t, 4> long_ones{150, 400, 1000, 3000};
  constexpr std::array<std::size_t, 4> short_ones{100, 150, 200, 300};
  const auto& lengths = is_short ? short_ones : long_ones;
  const std::size_t changes = 1 + random.below(4);
  const std::size_t length = lengths[random.below(lengths.size())];
  return std::make_unique<simulation::Priorities>(random.next(), changes, length);
}

bool Explorer::note(const Program& program, const Result& result) {
  ++runs_;
  choices_ += result.choices;
  steps_ += result.steps;
  schedules_.insert(result.schedule);
  if (result.failure.empty()) return true;
  program_ = program;
  latest_ = result;
  return false;
}

bool Explorer::run(std::uint64_t seed) {
  const Program program = generate(seed);
  const auto strategy = strategy_of(program);
  Recorder recorder(*strategy);
  if (note(program, lower::run(program, recorder))) return true;
  picks_ = recorder.picks();
  return false;
}

bool Explorer::exhaust(const Program& program, std::size_t most_detours, std::size_t most_runs) {
  Exhaustive strategy(most_detours);
  complete_ = false;
  for (std::size_t n = 0; n < most_runs; ++n) {
    Recorder recorder(strategy);
    if (!note(program, lower::run(program, recorder))) {
      picks_ = recorder.picks();
      return false;
    }
    if (!strategy.advance()) {
      complete_ = true;
      break;
    }
  }
  return true;
}

void Explorer::explain(std::ostream& out) const {
  out << "FAILED, seed " << program_.seed << "\n" << latest_.failure << "\n\n";
  const auto fails = [this](const Picks& picks) {
    Replay strategy(picks);
    return kind_of(lower::run(program_, strategy).failure) == kind_of(latest_.failure);
  };
  const Picks plainest = simulation::shortest(picks_, fails, kMostShorteningRuns);
  const auto detours = std::count_if(plainest.begin(), plainest.end(), [](std::uint32_t pick) { return pick != 0; });
  out << "The plainest choices that break the same: " << detours << " of " << plainest.size() << " are not 0.\n";
  tell(out, program_, plainest);
  out << "\nReplay the original: engin_lower_sim --seed " << program_.seed << std::endl;
}

bool replay(std::uint64_t seed, std::ostream& out) {
  Explorer explorer;
  if (!explorer.run(seed)) {
    explorer.explain(out);
    return false;
  }
  const Program program = generate(seed);
  const auto strategy = strategy_of(program);
  out << program << '\n';
  const Result result = lower::run(program, *strategy, [&out](const std::string& line) { out << line << '\n'; });
  out << "\n" << result.steps << " steps, " << result.choices << " choices, schedule " << result.schedule << std::endl;
  return true;
}

}  // namespace engin::lower
