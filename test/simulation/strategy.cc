#include "test/simulation/strategy.h"

#include <algorithm>
#include <array>

namespace engin::simulation {

namespace {
constexpr int kMostInARow = 200;
constexpr std::size_t kFairTurn = 8;
}  // namespace

// --- RandomWalk. ---

RandomWalk::RandomWalk(std::uint64_t seed) noexcept : random_(base::mix(seed)), interrupted_one_in_(0) {
  constexpr std::array<std::uint64_t, 6> rates{2, 3, 5, 8, 16, 40};
  interrupted_one_in_ = rates[random_.below(rates.size())];
}

std::size_t RandomWalk::next(std::span<const std::uint64_t> who, bool first_runs) {
  if (!first_runs) return random_.below(who.size());
  if (random_.below(interrupted_one_in_) != 0) return 0;
  return 1 + random_.below(who.size() - 1);
}

// --- Priorities. ---

Priorities::Priorities(std::uint64_t seed, std::size_t changes, std::size_t length) : random_(base::mix(~seed)) {
  for (std::size_t i = 0; i < changes; ++i) changes_.push_back(1 + random_.below(std::max<std::size_t>(length, 1)));
  std::sort(changes_.begin(), changes_.end());
}

std::int64_t& Priorities::priority_of(std::uint64_t name) {
  const auto [place, is_new] = priorities_.try_emplace(name);
  if (is_new) place->second = static_cast<std::int64_t>(random_.next() >> 8);
  return place->second;
}

std::size_t Priorities::next(std::span<const std::uint64_t> who, bool first_runs) {
  ++step_;
  for (const std::uint64_t name : who) turns_.try_emplace(name, step_);
  if (!first_runs && ++unbound_ % kFairTurn == 0) {
    std::size_t oldest = 0;
    for (std::size_t i = 1; i < who.size(); ++i) {
      if (turns_[who[i]] < turns_[who[oldest]]) oldest = i;
    }
    turns_[who[oldest]] = step_;
    return oldest;
  }
  const auto highest = [&] {
    std::size_t best = 0;
    for (std::size_t i = 1; i < who.size(); ++i) {
      if (priority_of(who[i]) > priority_of(who[best])) best = i;
    }
    return best;
  };
  std::size_t best = highest();
  in_a_row_ = who[best] == latest_ ? in_a_row_ + 1 : 0;
  for (bool lower = in_a_row_ >= kMostInARow;; lower = false) {
    while (changed_ < changes_.size() && changes_[changed_] <= step_) {
      ++changed_;
      lower = true;
    }
    if (!lower) break;
    priority_of(who[best]) = --lowest_;
    best = highest();
  }
  latest_ = who[best];
  turns_[latest_] = step_;
  return best;
}

// --- Exhaustive. ---

std::size_t Exhaustive::take(std::size_t n, bool is_detour) {
  if (n < 2) return 0;
  if (at_ == choices_.size()) choices_.push_back({0, n, is_detour});
  const Choice& choice = choices_[at_++];
  return choice.pick < n ? choice.pick : 0;
}

bool Exhaustive::advance() {
  choices_.resize(at_);  // what an earlier, longer run left behind
  std::size_t detours = 0;
  for (const Choice& choice : choices_) detours += choice.detour && choice.pick != 0 ? 1 : 0;
  at_ = 0;
  while (!choices_.empty()) {
    Choice& last = choices_.back();
    const bool was_detour = last.detour && last.pick != 0;
    const bool may = !last.detour || was_detour || detours < most_detours_;
    if (may && last.pick + 1 < last.n) {
      ++last.pick;
      return true;
    }
    if (was_detour) --detours;
    choices_.pop_back();
  }
  return false;
}

// --- Replay. ---

std::size_t Replay::next(std::span<const std::uint64_t> who, bool first_runs) {
  ++turn_;
  std::size_t pick = take(who.size());
  if (at_ > picks_.size() && !first_runs) {
    for (std::size_t i = 0; i < who.size(); ++i) {
      if (turns_[who[i]] < turns_[who[pick]]) pick = i;
    }
  }
  turns_[who[pick]] = turn_;
  return pick;
}

// --- Shortening. ---

Picks shortest(Picks picks, const std::function<bool(const Picks&)>& fails, std::size_t most_runs) {
  std::size_t runs = 0;
  const auto still_fails = [&](const Picks& candidate) { return runs++ < most_runs && fails(candidate); };
  // The end, also where it is zero: beyond it, a replay goes on by other rules. By halves of what is left to try.
  const auto cut_off = [&](std::size_t step) {
    while (step > 0 && runs < most_runs) {
      Picks candidate(picks.begin(), picks.end() - static_cast<std::ptrdiff_t>(std::min(step, picks.size())));
      if (!picks.empty() && still_fails(candidate)) {
        picks = std::move(candidate);
      } else {
        step /= 2;
      }
    }
  };
  cut_off((picks.size() + 1) / 2);
  // The middle: pieces of those that are not zero.
  bool smaller = true;
  while (smaller && runs < most_runs) {
    smaller = false;
    std::vector<std::size_t> set;
    for (std::size_t i = 0; i < picks.size(); ++i) {
      if (picks[i] != 0) set.push_back(i);
    }
    for (std::size_t piece = std::max<std::size_t>(set.size() / 2, 1); piece > 0; piece /= 2) {
      for (std::size_t from = 0; from < set.size() && runs < most_runs; from += piece) {
        Picks candidate = picks;
        bool changes = false;
        for (std::size_t i = from; i < std::min(from + piece, set.size()); ++i) {
          changes |= std::exchange(candidate[set[i]], 0) != 0;
        }
        if (changes && still_fails(candidate)) {
          picks = std::move(candidate);
          smaller = true;
        }
      }
    }
  }
  cut_off((picks.size() + 1) / 2);
  return picks;
}

std::string text_of(const Picks& picks) {
  std::string text;
  for (std::size_t i = 0; i < picks.size();) {
    std::size_t end = i;
    while (end < picks.size() && picks[end] == picks[i]) ++end;
    if (!text.empty()) text += ' ';
    text += std::to_string(picks[i]);
    if (end - i > 1) text += '*' + std::to_string(end - i);
    i = end;
  }
  return text;
}

}  // namespace engin::simulation
