// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014).
#ifndef ENGIN_LIB_BASE_RANDOM_H_
#define ENGIN_LIB_BASE_RANDOM_H_

#include <cstdint>

namespace engin::base {

/// 64 well mixed bits of `x`.
constexpr std::uint64_t mix(std::uint64_t x) noexcept {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/// A sequence that its seed decides.
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(seed) {}
  std::uint64_t next() noexcept { return mix(state_ += 0x9e3779b97f4a7c15); }
  /// Uniform enough in [0, n), 0 < n < 2^32.
  std::uint64_t below(std::uint64_t n) noexcept { return ((next() >> 32) * n) >> 32; }

 private:
  std::uint64_t state_;
};

}  // namespace engin::base

#endif  // ENGIN_LIB_BASE_RANDOM_H_
