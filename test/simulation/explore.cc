#include "test/simulation/explore.h"

#include <chrono>
#include <functional>
#include <ostream>
#include <string>

namespace engin::simulation {

namespace {

constexpr std::size_t kMostShorteningRuns = 600;
constexpr auto kMostShorteningTime = std::chrono::seconds(20);

RunResult run_with(const Scenario& scenario, Checkers& checkers, Strategy* strategy, bool keep_history = false) {
  RunOptions options;
  options.keep_history = keep_history;
  if (strategy == nullptr) return Simulation(scenario, checkers, options).run();
  StrategyChooser chooser(*strategy);
  options.chooser = &chooser;
  return Simulation(scenario, checkers, options).run();
}

std::string first_broken(const Scenario& scenario, Strategy* strategy = nullptr) {
  Checkers checkers = make_checkers();
  const RunResult result = run_with(scenario, checkers, strategy);
  return result.findings.empty() ? "" : result.findings.front().invariant;
}

}  // namespace

// The first number of the world's goes to the supervisor, for its jitter.
SeedsOwn::SeedsOwn(const Scenario& scenario) noexcept
    : random_(scenario.seed), interrupted_one_in_(scenario.preemption) {
  random_.next();
}

std::size_t SeedsOwn::next(std::span<const std::uint64_t> who, bool first_runs) {
  if (!first_runs) return random_.below(who.size());
  return interrupted_one_in_ < 2 || random_.below(interrupted_one_in_) == 0 ? 1 : 0;
}

bool Explorer::run(std::uint64_t seed) {
  seed_ = seed;
  picks_.clear();
  return run(make_(seed), nullptr);
}

bool Explorer::run_with_priorities(std::uint64_t seed) {
  seed_ = seed;
  Priorities priorities(seed, 1 + seed % 4, 200);
  Recorder recorder(priorities);
  const bool good = run(make_(seed), &recorder);
  if (!good) picks_ = recorder.picks();
  return good;
}

bool Explorer::exhaust(std::uint64_t seed, std::size_t most_detours, std::size_t most_runs) {
  seed_ = seed;
  const Scenario scenario = make_(seed);
  Exhaustive strategy(most_detours);
  for (std::size_t n = 0; n < most_runs; ++n) {
    Recorder recorder(strategy);
    const bool good = run(scenario, &recorder);
    picks_ = recorder.picks();
    if (!good) return false;
    if (!strategy.advance()) break;
  }
  return true;
}

bool Explorer::run(const Scenario& scenario, Strategy* strategy) {
  latest_ = run_with(scenario, checkers_, strategy);
  ++runs_;
  choices_ += latest_.choices;
  schedules_.insert(latest_.schedule);
  return latest_.findings.empty();
}

void Explorer::explain(std::ostream& out) {
  out << "FAILED, seed " << seed_ << "\n";
  for (const Finding& f : latest_.findings) out << f.invariant << ": " << f.text << "\n";
  out.flush();
  const std::string broken = latest_.findings.front().invariant;
  // By its own choices the scenario gets shorter; then, or if others made them, the choices get plainer.
  Scenario scenario = make_(seed_);
  Picks picks = picks_;
  if (picks.empty()) {
    scenario = shorten(scenario);
    SeedsOwn own(scenario);
    Recorder recorder(own);
    first_broken(scenario, &recorder);
    picks = recorder.picks();
  }
  const auto enough = std::chrono::steady_clock::now() + kMostShorteningTime;
  const auto fails = [&](const Picks& candidate) {
    if (std::chrono::steady_clock::now() > enough) return false;
    Replay strategy(candidate);
    return first_broken(scenario, &strategy) == broken;
  };
  if (fails(picks)) picks = shortest(picks, fails, kMostShorteningRuns);
  out << "\nA shorter run that breaks the same invariant, choices: " << text_of(picks) << "\n";
  Replay strategy(picks);
  replay(scenario, out, &strategy);
  out << "\nReplay the original: engin_sim --seed " << seed_ << (picks_.empty() ? "" : " --priorities") << std::endl;
}

bool replay(const Scenario& scenario, std::ostream& out, Strategy* strategy) {
  out << scenario << "\n";
  Checkers checkers = make_checkers();
  const RunResult result = run_with(scenario, checkers, strategy, true);
  for (const Record& r : result.history) {
    if (r.what != What::Seen) out << r << "\n";
  }
  out << "\n" << result.steps << " steps, " << result.choices << " choices, schedule " << result.schedule << "\n";
  for (const Finding& f : result.findings) out << f.invariant << ": " << f.text << "\n";
  return result.findings.empty();
}

Scenario shorten(const Scenario& scenario) {
  Scenario best = scenario;
  const std::string broken = first_broken(best);
  if (broken.empty()) return best;
  bool smaller = true;
  const auto attempt = [&](const std::function<void(Scenario&)>& change) {
    Scenario candidate = best;
    change(candidate);
    if (first_broken(candidate) != broken) return;
    best = std::move(candidate);
    smaller = true;
  };
  for (int round = 0; smaller && round < 4; ++round) {
    smaller = false;
    for (std::size_t i = best.threads.size(); i-- > 0;) {
      attempt([&](Scenario& s) { s.threads.erase(s.threads.begin() + static_cast<std::ptrdiff_t>(i)); });
    }
    for (std::size_t i = 0; i < best.threads.size(); ++i) {
      for (std::size_t j = best.threads[i].size(); j-- > 0;) {
        attempt([&](Scenario& s) { s.threads[i].erase(s.threads[i].begin() + static_cast<std::ptrdiff_t>(j)); });
      }
    }
    if (!best.observers.empty()) attempt([](Scenario& s) { s.observers.clear(); });
    if (!best.jumps.empty()) attempt([](Scenario& s) { s.jumps.clear(); });
    if (best.preemption != 0) attempt([](Scenario& s) { s.preemption = 0; });
    if (best.destroy_before_calm) attempt([](Scenario& s) { s.destroy_before_calm = false; });
    attempt([](Scenario& s) { s.at_stop_token = {Step::Op::Act, {}, {}}; });
    while (best.tasks.size() > 1) {
      const std::size_t before = best.tasks.size();
      attempt([](Scenario& s) {
        s.tasks.pop_back();
        s.initial = std::min(s.initial, s.tasks.size());
        s.early = std::min(s.early, s.initial);
        const int n = static_cast<int>(s.tasks.size());
        const auto fit = [n](Action& a) {
          if (a.task >= n) a.kind = Action::Kind::None;
        };
        for (auto& list : s.threads)
          for (Action& a : list) fit(a);
        for (ObserverPlan& o : s.observers) fit(o.action);
        fit(s.at_stop_token.action);
        for (TaskPlan& t : s.tasks) {
          fit(t.at_destruction);
          for (Step& step : t.hook.script.steps) fit(step.action);
          for (Script& script : t.scripts)
            for (Step& step : script.steps) fit(step.action);
        }
      });
      if (best.tasks.size() == before) break;
    }
    for (std::size_t i = 0; i < best.tasks.size(); ++i) {
      attempt([&](Scenario& s) { s.tasks[i].at_destruction = {}; });
      attempt([&](Scenario& s) { s.tasks[i].hook = {}; });
      attempt([&](Scenario& s) { s.tasks[i].retry_if = RetryIf::None; });
      for (std::size_t j = best.tasks[i].scripts.size(); j-- > 0 && best.tasks[i].scripts.size() > 1;) {
        attempt([&](Scenario& s) {
          s.tasks[i].scripts.erase(s.tasks[i].scripts.begin() + static_cast<std::ptrdiff_t>(j));
        });
      }
      for (std::size_t j = 0; j < best.tasks[i].scripts.size(); ++j) {
        for (std::size_t k = best.tasks[i].scripts[j].steps.size(); k-- > 0;) {
          attempt([&](Scenario& s) {
            auto& steps = s.tasks[i].scripts[j].steps;
            steps.erase(steps.begin() + static_cast<std::ptrdiff_t>(k));
          });
        }
      }
    }
  }
  return best;
}

}  // namespace engin::simulation
