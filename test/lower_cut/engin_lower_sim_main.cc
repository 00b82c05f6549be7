// Runs lib/runtime on the simulated machine, in many schedules.
//
//   engin_lower_sim --seed N         replays one run, with a trace; of one that fails, the plainest that fails like it
//   engin_lower_sim --seconds N      the fixed set, then fresh seeds, for so long
//   engin_lower_sim --schedules N    so many runs, from --base B if given
//   engin_lower_sim --exhaustive D   all schedules of the small programs with at most D detours, --most N of each
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <optional>
#include <random>

#include "test/lower_cut/explore.h"

namespace {

using namespace engin::lower;

constexpr std::uint64_t kFixedSet = 2000;

std::optional<std::uint64_t> number(int argc, char** argv, const char* name) {
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::strcmp(argv[i], name) == 0) return std::strtoull(argv[i + 1], nullptr, 10);
  }
  return std::nullopt;
}

class Report {
 public:
  explicit Report(const Explorer& explorer) : explorer_(explorer) {}
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }
  int say(bool good) const {
    const double time = seconds();
    const auto runs = static_cast<double>(explorer_.runs());
    std::cout << explorer_.runs() << " schedules in " << time << " s: " << runs / time << "/s, " << explorer_.distinct()
              << " distinct, " << static_cast<double>(explorer_.steps()) / time << " steps/s, "
              << static_cast<double>(explorer_.choices()) / runs << " choices each" << std::endl;
    if (!good) explorer_.explain(std::cout);
    return good ? 0 : 1;
  }

 private:
  const Explorer& explorer_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

int exhaust(std::size_t detours, std::size_t most) {
  for (std::size_t i = 0; i < small_programs(); ++i) {
    Explorer explorer;
    const Report report(explorer);
    const bool good = explorer.exhaust(small_program(i), detours, most);
    std::cout << "small program " << i << ", " << (explorer.complete() ? "all of it: " : "cut short: ");
    if (report.say(good) != 0) return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto seed = number(argc, argv, "--seed")) return replay(*seed, std::cout) ? 0 : 1;
  if (const auto detours = number(argc, argv, "--exhaustive")) {
    return exhaust(*detours, number(argc, argv, "--most").value_or(1'000'000));
  }
  const auto schedules = number(argc, argv, "--schedules");
  auto seconds = number(argc, argv, "--seconds");
  if (!schedules && !seconds) {
    if (argc > 1) {
      std::cerr
          << "usage: engin_lower_sim --seed N | --seconds N | --schedules N [--base N] | --exhaustive D [--most N]\n";
      return 2;
    }
    seconds = 10;
  }
  const std::uint64_t base = number(argc, argv, "--base").value_or(std::random_device{}() * std::uint64_t{1'000'000});
  std::cout << "seeds from " << base << std::endl;
  Explorer explorer;
  const Report report(explorer);
  bool good = true;
  if (seconds) {
    for (std::uint64_t seed = 1; good && seed <= kFixedSet; ++seed) good = explorer.run(seed);
  }
  for (std::uint64_t n = 0; good; ++n) {
    if (schedules ? n >= *schedules : report.seconds() >= static_cast<double>(*seconds)) break;
    good = explorer.run(base + n);
  }
  return report.say(good);
}
