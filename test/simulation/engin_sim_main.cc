// Walks random schedules of the supervisor and checks its invariants.
//
//   engin_sim --seed N         replays one run, with a trace
//   engin_sim --seconds N      the fixed set, then fresh seeds, for so long
//   engin_sim --schedules N    so many runs, from --base B if given
//   engin_sim                  as with --seconds 10
//   engin_sim ... --pairs      also says how often each (state, event) pair of a task was reached
//   engin_sim --speed          the speed scenario instead of generated ones
//   engin_sim --priorities     all choices by priorities (PCT) instead of at random
//   engin_sim --exhaustive D   all schedules of --seed's scenario with at most D detours, at most --most N
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <optional>
#include <random>
#include <string>
#include <unordered_set>

#include <fcntl.h>
#include <unistd.h>

#include "test/simulation/explore.h"
#include "test/simulation/state_pairs.h"

namespace {

using namespace engin::simulation;

std::optional<std::uint64_t> number(int argc, char** argv, const char* name) {
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::strcmp(argv[i], name) == 0) return std::strtoull(argv[i + 1], nullptr, 10);
  }
  return std::nullopt;
}

bool given(int argc, char** argv, const char* name) {
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], name) == 0) return true;
  }
  return false;
}

int usage() {
  std::cerr << "usage: engin_sim --seed N | --seconds N | --schedules N [--base N] [--speed] [--pairs]\n";
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  const bool speed = given(argc, argv, "--speed");
  const auto make = speed ? &speed_scenario : &generate;
  const bool priorities = given(argc, argv, "--priorities");
  if (const auto detours = number(argc, argv, "--exhaustive")) {
    Explorer explorer(make);
    const bool held = explorer.exhaust(number(argc, argv, "--seed").value_or(1), *detours,
                                       number(argc, argv, "--most").value_or(1'000'000));
    std::cout << explorer.runs() << " schedules, " << explorer.distinct() << " distinct" << std::endl;
    if (!held) explorer.explain(std::cout);
    return held ? 0 : 1;
  }
  if (const auto seed = number(argc, argv, "--seed"); seed && priorities) {
    Explorer explorer(make);
    const bool held = explorer.run_with_priorities(*seed);
    if (!held) explorer.explain(std::cout);
    return held ? 0 : 1;
  } else if (seed)
    return replay(make(*seed), std::cout) ? 0 : 1;
  auto seconds = number(argc, argv, "--seconds");
  const auto schedules = number(argc, argv, "--schedules");
  if (!seconds && !schedules) {
    if (argc > 1 && !speed) return usage();
    seconds = 10;
  }
  const std::uint64_t base = number(argc, argv, "--base").value_or(std::random_device{}() * std::uint64_t{1'000'000});
  std::cout << "seeds from " << base << std::endl;
  // What a person must be told about each observer that throws is of no use here.
  std::cerr.flush();
  const int null = ::open("/dev/null", O_WRONLY);
  if (null >= 0) ::dup2(null, STDERR_FILENO);

  Explorer explorer(make);
  const auto began = std::chrono::steady_clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(); };
  bool good = true;
  if (seconds && !speed) {
    for (std::uint64_t seed = 1; good && seed <= 2000; ++seed) good = explorer.run(seed);
  }
  for (std::uint64_t n = 0; good; ++n) {
    if (schedules ? n >= *schedules : (n % 16 == 0 && elapsed() >= static_cast<double>(*seconds))) break;
    good = priorities ? explorer.run_with_priorities(base + n) : explorer.run(base + n);
  }
  const double time = elapsed();
  std::cout << explorer.runs() << " schedules in " << time << " s: " << static_cast<double>(explorer.runs()) / time
            << "/s, " << explorer.distinct() << " distinct, " << static_cast<double>(explorer.choices()) / time
            << " choices/s, " << static_cast<double>(explorer.choices()) / static_cast<double>(explorer.runs())
            << " choices each" << std::endl;
  if (given(argc, argv, "--pairs")) print_state_pairs(std::cout);
  if (good) return 0;
  explorer.explain(std::cout);
  return 1;
}
