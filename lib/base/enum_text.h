// The names of enumerators.
#ifndef ENGIN_LIB_BASE_ENUM_TEXT_H_
#define ENGIN_LIB_BASE_ENUM_TEXT_H_

#include <array>
#include <cstddef>
#include <string_view>

namespace engin::base {

/// The name at the enumerator's place; the enumerators count from 0. One that does not exist (a cast, a newer library)
/// is "unknown".
template <class Enum, std::size_t n>
constexpr std::string_view enum_text(const std::array<std::string_view, n>& names, Enum value) noexcept {
  const auto place = static_cast<std::size_t>(value);
  return place < n ? names[place] : std::string_view("unknown");
}

}  // namespace engin::base

#endif  // ENGIN_LIB_BASE_ENUM_TEXT_H_
