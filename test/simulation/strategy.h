// Who makes a simulation's choices.
#ifndef ENGIN_TEST_SIMULATION_STRATEGY_H_
#define ENGIN_TEST_SIMULATION_STRATEGY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/random.h"

namespace engin::simulation {

/// Picks one of several. Wherever it is asked, 0 is what would happen in a quiet world: what runs goes on, and nothing
/// unusual happens. So a run is a list of numbers, and the more of them are zero, the plainer the run.
class Strategy {
 public:
  virtual ~Strategy() = default;
  /// Which of `who` goes next. A name stands for the same thread as long as that lives. If `first_runs`, the first one
  /// runs now, and another one interrupts it.
  virtual std::size_t next(std::span<const std::uint64_t> who, bool first_runs) = 0;
  /// One of n > 1.
  virtual std::size_t choose(std::size_t n) = 0;
  /// Whether something happens that is to happen one time in `one_in`; 0: never.
  virtual bool happens(std::uint32_t one_in) = 0;
};

/// Each choice by chance. How often what runs is interrupted is drawn once.
class RandomWalk final : public Strategy {
 public:
  explicit RandomWalk(std::uint64_t seed) noexcept;
  std::size_t next(std::span<const std::uint64_t> who, bool first_runs) override;
  std::size_t choose(std::size_t n) override { return random_.below(n); }
  bool happens(std::uint32_t one_in) override { return one_in != 0 && random_.below(one_in) == 0; }

 private:
  base::Random random_;
  std::uint64_t interrupted_one_in_;
};

/// Probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi, Nagarakatte: A Randomized Scheduler with
/// Probabilistic Guarantees of Finding Bugs, ASPLOS 2010): each thread has a priority, the highest goes, and at a few
/// points the one that runs gets the lowest. A defect that needs d orderings among k steps of n threads is met with a
/// probability of at least 1 / (n * k^(d-1)), which a random walk is far from where a thread must be late for long.
/// One that goes on and on while others could is lowered too: it may be waiting for them. For the same reason, one time
/// in eight that nobody runs, whoever has waited for longest goes.
class Priorities final : public Strategy {
 public:
  /// `length`: how many times `next` is asked, about.
  Priorities(std::uint64_t seed, std::size_t changes, std::size_t length);
  std::size_t next(std::span<const std::uint64_t> who, bool first_runs) override;
  std::size_t choose(std::size_t n) override { return random_.below(n); }
  bool happens(std::uint32_t one_in) override { return one_in != 0 && random_.below(one_in) == 0; }

 private:
  std::int64_t& priority_of(std::uint64_t name);

  base::Random random_;
  std::unordered_map<std::uint64_t, std::int64_t> priorities_;  // by name
  std::unordered_map<std::uint64_t, std::size_t> turns_;        // by name: its latest
  std::size_t unbound_ = 0;                                     // how many times nobody ran
  std::int64_t lowest_ = 0;
  std::uint64_t latest_ = 0;
  int in_a_row_ = 0;
  std::vector<std::size_t> changes_;  // at which steps, sorted
  std::size_t changed_ = 0;
  std::size_t step_ = 0;
};

/// One run after another, every one that differs from the plain one in at most `most_detours` choices. Who goes on when
/// the one that ran cannot is no detour.
class Exhaustive final : public Strategy {
 public:
  explicit Exhaustive(std::size_t most_detours) noexcept : most_detours_(most_detours) {}
  /// Begins the next run; false if there is none left. Not before the first one.
  bool advance();
  std::size_t next(std::span<const std::uint64_t> who, bool first_runs) override {
    return take(who.size(), first_runs);
  }
  std::size_t choose(std::size_t n) override { return take(n, true); }
  bool happens(std::uint32_t one_in) override { return one_in != 0 && take(2, true) == 1; }

 private:
  struct Choice {
    std::size_t pick;
    std::size_t n;
    bool detour;  // if the pick is not 0
  };
  std::size_t take(std::size_t n, bool is_detour);

  std::size_t most_detours_;
  std::vector<Choice> choices_;
  std::size_t at_ = 0;
};

using Picks = std::vector<std::uint32_t>;

/// Writes down what another one picks.
class Recorder final : public Strategy {
 public:
  explicit Recorder(Strategy& inner) noexcept : inner_(inner) {}
  std::size_t next(std::span<const std::uint64_t> who, bool first_runs) override {
    return note(inner_.next(who, first_runs));
  }
  std::size_t choose(std::size_t n) override { return note(inner_.choose(n)); }
  bool happens(std::uint32_t one_in) override { return note(inner_.happens(one_in) ? 1 : 0) == 1; }
  const Picks& picks() const noexcept { return picks_; }

 private:
  std::size_t note(std::size_t pick) {
    picks_.push_back(static_cast<std::uint32_t>(pick));
    return pick;
  }

  Strategy& inner_;
  Picks picks_;
};

/// Picks from a list, and 0 where that ends or does not fit. Beyond the end, who goes on when the one that ran cannot
/// is the one that has waited for longest.
class Replay final : public Strategy {
 public:
  explicit Replay(Picks picks) noexcept : picks_(std::move(picks)) {}
  std::size_t next(std::span<const std::uint64_t> who, bool first_runs) override;
  std::size_t choose(std::size_t n) override { return take(n); }
  bool happens(std::uint32_t one_in) override { return take(one_in == 0 ? 1 : 2) == 1; }

 private:
  std::size_t take(std::size_t n) {
    const std::size_t pick = at_ < picks_.size() ? picks_[at_] : 0;
    ++at_;
    return pick < n ? pick : 0;
  }

  Picks picks_;
  std::size_t at_ = 0;
  std::unordered_map<std::uint64_t, std::size_t> turns_;  // by name: its latest
  std::size_t turn_ = 0;
};

/// The plainest picks found, in at most `most_runs` runs, for which `fails` still holds: it cuts the end off, then
/// zeroes what it can, in ever smaller pieces.
Picks shortest(Picks picks, const std::function<bool(const Picks&)>& fails, std::size_t most_runs);

/// "0*214 2 0*3 1": for people.
std::string text_of(const Picks& picks);

}  // namespace engin::simulation

#endif  // ENGIN_TEST_SIMULATION_STRATEGY_H_
