// The upper-cut simulator, its choices made by the fuzzer: the first two bytes are the scenario's seed, each byte after
// them one choice of what runs next. So coverage, not chance, decides which schedule is tried next.
#include "test/simulation/simulation.h"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "absl/types/span.h"
#include "base/random.h"
#include "runtime/virtual_world.h"

namespace {

using namespace engin;

class Bytes final : public runtime::Chooser {
 public:
  Bytes(std::span<const std::uint8_t> bytes, std::uint64_t seed) : bytes_(bytes), rest_(seed) {}
  std::size_t choose(std::size_t n) override {
    if (bytes_.empty()) return rest_.next() % n;  // used up: as a seed would have it, so that it comes to an end
    const std::size_t choice = bytes_.front() % n;
    bytes_ = bytes_.subspan(1);
    return choice;
  }
  std::size_t next(absl::Span<const std::uint64_t> who) override { return choose(who.size()); }
  bool interrupts(absl::Span<const std::uint64_t>) override { return choose(4) == 1; }

 private:
  std::span<const std::uint8_t> bytes_;
  base::Random rest_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return -1;
  static simulation::Checkers checkers = simulation::make_checkers();
  const std::uint64_t seed = data[0] + 256U * data[1];
  Bytes chooser({data + 2, size - 2}, seed);
  const simulation::Scenario scenario = simulation::generate(seed);
  const simulation::RunResult result = simulation::Simulation(scenario, checkers, {.chooser = &chooser}).run();
  if (result.findings.empty()) return 0;
  std::printf("scenario %llu\n", static_cast<unsigned long long>(seed));
  for (const simulation::Finding& f : result.findings) std::printf("%s: %s\n", f.invariant.c_str(), f.text.c_str());
  std::fflush(stdout);
  std::abort();
}
