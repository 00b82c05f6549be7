#include "engin/failure.h"

#include <string>
#include <string_view>
#include <utility>

#include "base/exception_text.h"
#include "base/text.h"

namespace engin {

namespace {
constexpr std::size_t longest_message = 96;
}

Failure::Failure(const std::type_info* type, std::string_view message, std::exception_ptr exception,
                 absl::Status status, TimePoint time, Duration uptime, std::uint64_t attempt)
    : type_(type),
      message_(base::cut_utf8(message, longest_message)),
      exception_(std::move(exception)),
      status_(std::move(status)),
      time_(time),
      uptime_(uptime),
      attempt_(attempt) {}

std::string Failure::type() const {
  // Abseil's inline namespace (absl::lts_20220623::Status) says nothing to a reader.
  if (!status_.ok() || (type_ != nullptr && *type_ == typeid(absl::Status))) return "absl::Status";
  if (type_ != nullptr) return base::type_name(*type_);
  // An exception of another language has no type that C++ could name. Attempts count from 1: 0 is no failure at all.
  return attempt_ != 0 ? "foreign exception" : "";
}

std::string Failure::describe() const {
  constexpr std::string_view std_prefix = "std::";
  std::string text = type();
  if (text.starts_with(std_prefix)) text.erase(0, std_prefix.size());
  if (!message_.empty()) {
    if (!text.empty()) text += ": ";
    text += message_;
  }
  return text;
}

}  // namespace engin
