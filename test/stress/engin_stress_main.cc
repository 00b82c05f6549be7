// Storms for as long as one likes.
//
//   engin_stress --minutes=N | --seconds=N   over 1, 2 and 8 runners in turn
//   engin_stress --seed=S                    begins with that seed; alone: that life, again and again for ten seconds
//   engin_stress --hang                      hangs, to see what the watchdog says
//
// Exit status 1 if something was not as it must be, or memory has grown; 70 if it hung.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <random>
#include <string_view>

#include "test/stress/storm.h"
#include "test/support/watchdog.h"

namespace {

using namespace std::chrono_literals;
using namespace engin::stress;
using Clock = std::chrono::steady_clock;

constexpr int Runners[] = {1, 2, 8};
constexpr std::size_t MiB = std::size_t{1} << 20;

std::optional<std::uint64_t> number(int argc, char** argv, std::string_view name) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with(name)) return std::strtoull(argv[i] + name.size(), nullptr, 10);
  }
  return std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
  const bool hangs = argc > 1 && std::string_view(argv[1]) == "--hang";
  const auto minutes = number(argc, argv, "--minutes=");
  const auto seconds = number(argc, argv, "--seconds=");
  const auto seed = number(argc, argv, "--seed=");
  if (!hangs && !minutes && !seconds && !seed) {
    std::cerr << "usage: engin_stress [--minutes=N] [--seconds=N] [--seed=S] [--hang]\n";
    return 2;
  }
  const auto patience = hangs ? std::chrono::milliseconds(500) : 10s * slowdown();
  engin::test::Watchdog watchdog(patience, [] { tell_of_present_life(std::cerr); });
  const std::function<void()> alive = [&] {
    if (!hangs) watchdog.alive();
  };
  if (hangs) hang_next_life();
  const std::chrono::seconds time(minutes ? *minutes * 60 : seconds.value_or(10));
  const bool one_life = seed && !minutes && !seconds;
  const std::uint64_t first = seed.value_or(std::random_device()());
  std::cout << "seeds from " << first << std::endl;

  const auto begin = Clock::now();
  std::uint64_t lives = 0;
  std::size_t warm = 0;
  auto next_word = begin + 1min;
  do {
    for (const int runners : Runners) {
      const auto wrong = storm({.seed = one_life ? first : first + lives, .runners = runners}, alive);
      for (const std::string& what : wrong) std::cerr << what << "\n";
      if (!wrong.empty()) {
        std::cerr << "FAILED, seed " << (one_life ? first : first + lives) << ", " << runners << " runners"
                  << std::endl;
        return 1;
      }
    }
    ++lives;
    const auto now = Clock::now();
    if (warm == 0 && now - begin >= std::min<Clock::duration>(time / 3, 1min)) {
      warm = resident_memory();
      std::cout << "memory after warming up: " << warm / MiB << " MiB, " << lives * std::size(Runners) << " lives"
                << std::endl;
    }
    if (now >= next_word) {
      std::cout << lives * std::size(Runners) << " lives, " << resident_memory() / MiB << " MiB" << std::endl;
      next_word += 1min;
    }
  } while (Clock::now() - begin < time);
  const std::size_t last = resident_memory();
  std::cout << lives * std::size(Runners) << " lives, memory at the end: " << last / MiB << " MiB" << std::endl;
  // What an allocator keeps for later varies by some megabytes; a sanitizer keeps far more.
  if (slowdown() == 1 && last > warm + std::max(8 * MiB, warm / 4)) {
    std::cerr << "FAILED: memory has grown" << std::endl;
    return 1;
  }
  return 0;
}
