// How a task ended.
#ifndef ENGIN_OUTCOME_H_
#define ENGIN_OUTCOME_H_

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string_view>
#include <utility>

#include "engin/detail/export.h"
#include "engin/failure.h"

namespace engin {

/// Compares and switches like its kind: `handle.wait() == Outcome::Completed`.
class ENGIN_EXPORT Outcome {
 public:
  enum Kind : std::uint8_t {
    Completed,  ///< it returned
    Failed,     ///< it failed, and nothing restarts it
    Stopped,    ///< it ended after we had begun to stop it, whatever it returned or threw then
  };

  constexpr Outcome(Kind kind) noexcept : kind_(kind) {}  // NOLINT(google-explicit-constructor)
  Outcome(Kind kind, std::optional<Failure> failure) : kind_(kind), failure_(std::move(failure)) {}

  constexpr operator Kind() const noexcept { return kind_; }  // NOLINT(google-explicit-constructor)
  constexpr Kind kind() const noexcept { return kind_; }
  /// Failed: with what. Stopped: what it threw after it was asked to stop, if it did; that is no failure.
  const std::optional<Failure>& failure() const noexcept { return failure_; }

 private:
  Kind kind_;
  std::optional<Failure> failure_;
};

ENGIN_EXPORT std::string_view to_string(Outcome::Kind) noexcept;
ENGIN_EXPORT std::ostream& operator<<(std::ostream&, Outcome::Kind);
ENGIN_EXPORT std::ostream& operator<<(std::ostream&, const Outcome&);

}  // namespace engin

#endif  // ENGIN_OUTCOME_H_
