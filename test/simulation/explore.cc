#include "test/simulation/explore.h"

#include <functional>
#include <ostream>
#include <string>

namespace engin::simulation {

namespace {

std::string first_broken(const Scenario& scenario) {
  Checkers checkers = make_checkers();
  const RunResult result = Simulation(scenario, checkers, {}).run();
  return result.findings.empty() ? "" : result.findings.front().invariant;
}

}  // namespace

bool Explorer::run(std::uint64_t seed) {
  seed_ = seed;
  const Scenario scenario = make_(seed);
  latest_ = Simulation(scenario, checkers_, {}).run();
  ++runs_;
  choices_ += latest_.choices;
  schedules_.insert(latest_.schedule);
  return latest_.findings.empty();
}

void Explorer::explain(std::ostream& out) {
  out << "FAILED, seed " << seed_ << "\n";
  for (const Finding& f : latest_.findings) out << f.invariant << ": " << f.text << "\n";
  const Scenario shorter = shorten(make_(seed_));
  out << "\nA shorter scenario that breaks the same invariant:\n";
  replay(shorter, out);
  out << "\nReplay the original: engin_sim --seed " << seed_ << std::endl;
}

bool replay(const Scenario& scenario, std::ostream& out) {
  out << scenario << "\n";
  Checkers checkers = make_checkers();
  RunOptions options;
  options.keep_history = true;
  const RunResult result = Simulation(scenario, checkers, options).run();
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
