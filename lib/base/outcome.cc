#include "engin/outcome.h"

#include <array>
#include <ostream>
#include <string_view>

#include "base/enum_text.h"
#include "base/text.h"

namespace engin {

namespace {
constexpr std::array kinds = std::to_array<std::string_view>({"Completed", "Failed", "Stopped"});
static_assert(kinds.size() == static_cast<std::size_t>(Outcome::Stopped) + 1);
}  // namespace

std::string_view to_string(Outcome::Kind kind) noexcept { return base::enum_text(kinds, kind); }
std::ostream& operator<<(std::ostream& out, Outcome::Kind kind) { return out << to_string(kind); }

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  out << to_string(outcome.kind());
  if (outcome.failure()) out << " (" << base::one_line(outcome.failure()->describe()) << ")";
  return out;
}

}  // namespace engin
