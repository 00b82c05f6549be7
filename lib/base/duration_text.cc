#include "base/duration_text.h"

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace engin::base {

namespace {

constexpr std::uint64_t us = 1'000;
constexpr std::uint64_t ms = 1'000 * us;
constexpr std::uint64_t second = 1'000 * ms;
constexpr std::uint64_t minute = 60 * second;
constexpr std::uint64_t hour = 60 * minute;
constexpr std::uint64_t day = 24 * hour;

// Duration::min() has no positive counterpart as a Duration, but has one here.
std::uint64_t magnitude(Duration d) noexcept {
  const auto count = static_cast<std::uint64_t>(d.count());
  return d < Duration::zero() ? 0 - count : count;
}

std::uint64_t rounded(std::uint64_t ns, std::uint64_t unit) noexcept {
  return ns / unit + (ns % unit >= unit - unit / 2);
}

// Below ten of the unit with one decimal, else without.
std::string in_unit(std::uint64_t ns, std::uint64_t unit, const char* name) {
  const std::uint64_t tenths = rounded(ns, unit / 10);
  if (tenths < 100 && tenths % 10 != 0) return absl::StrFormat("%d.%d %s", tenths / 10, tenths % 10, name);
  return absl::StrFormat("%d %s", rounded(ns, unit), name);
}

std::string in_two_units(std::uint64_t ns, std::uint64_t large, const char* large_name, std::uint64_t small,
                         const char* small_name) {
  const std::uint64_t smalls = rounded(ns, small);
  const std::uint64_t ratio = large / small;
  std::string text = absl::StrFormat("%d %s", smalls / ratio, large_name);
  if (smalls % ratio != 0) absl::StrAppendFormat(&text, " %d %s", smalls % ratio, small_name);
  return text;
}

std::string magnitude_text(std::uint64_t ns) {
  // Each border lies where rounding in the unit below would show a full one of the unit above ("60 s").
  if (ns == 0) return "0 s";
  if (ns < us) return absl::StrFormat("%d ns", ns);
  if (ns < ms - us / 2) return in_unit(ns, us, "us");
  if (ns < second - ms / 2) return in_unit(ns, ms, "ms");
  if (ns < minute - second / 2) return in_unit(ns, second, "s");
  if (ns < hour - second / 2) return in_two_units(ns, minute, "min", second, "s");
  if (ns < day - minute / 2) return in_two_units(ns, hour, "h", minute, "min");
  return in_two_units(ns, day, "d", hour, "h");
}

}  // namespace

std::string duration_text(Duration d) {
  return absl::StrCat(d < Duration::zero() ? "-" : "", magnitude_text(magnitude(d)));
}

std::string exact_duration_text(Duration d) {
  const std::uint64_t ns = magnitude(d);
  std::uint64_t unit = 1;
  const char* name = "ns";
  if (ns == 0 || ns >= second) {
    unit = second;
    name = "s";
  } else if (ns >= ms) {
    unit = ms;
    name = "ms";
  } else if (ns >= us) {
    unit = us;
    name = "us";
  }
  std::string text = absl::StrFormat("%s%d", d < Duration::zero() ? "-" : "", ns / unit);
  if (std::uint64_t rest = ns % unit; rest != 0) {
    text += '.';
    for (std::uint64_t place = unit / 10; rest != 0; place /= 10) {
      text += static_cast<char>('0' + rest / place);
      rest %= place;
    }
  }
  return text + " " + name;
}

std::string seconds_text(Duration d) {
  const std::uint64_t ns = magnitude(d);
  return absl::StrFormat("%s%d.%09d", d < Duration::zero() ? "-" : "", ns / second, ns % second);
}

}  // namespace engin::base
