#include "supervisor/phrases.h"

#include <string>
#include <string_view>

#include "base/text.h"

namespace engin {

std::string failure_phrase(const Failure& failure) { return base::one_line(failure.describe()); }

std::string count_phrase(std::uint64_t count, std::string_view one, std::string_view many) {
  return base::grouped(count).append(" ").append(count == 1 ? one : many);
}

std::string_view reason_phrase(StopReason reason) noexcept {
  switch (reason) {
    case StopReason::None:
      break;
    case StopReason::Shutdown:
      return "for the shutdown";
    case StopReason::Requested:
      return "on request";
    case StopReason::Restart:
      return "for a restart";
    case StopReason::Unresponsive:
      return "since it was unresponsive";
  }
  return {};
}

}  // namespace engin
