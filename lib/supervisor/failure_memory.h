// What a task remembers of its failures.
#ifndef ENGIN_LIB_SUPERVISOR_FAILURE_MEMORY_H_
#define ENGIN_LIB_SUPERVISOR_FAILURE_MEMORY_H_

#include <array>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <typeinfo>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "engin/detail/callable.h"
#include "engin/detail/time.h"
#include "engin/failure.h"

namespace engin::detail {

/// A failure as text: fixed size, so that keeping one cannot fail.
struct FailureText {
  static constexpr std::size_t MaxText = 96;

  const std::type_info* type = nullptr;
  TimePoint time{};
  Duration uptime{};
  std::uint64_t attempt = 0;
  std::uint8_t size = 0;
  char text[MaxText];  // `size` of them

  FailureText() noexcept {}  // NOLINT(modernize-use-equals-default): leaves the text as it is
  FailureText(const FailureText& other) noexcept { *this = other; }
  FailureText& operator=(const FailureText& other) noexcept {
    if (this == &other) return *this;
    type = other.type;
    time = other.time;
    uptime = other.uptime;
    attempt = other.attempt;
    size = other.size;
    // In steps of a fixed size: compilers make slow work of so short a copy whose size they do not know.
    constexpr std::size_t Step = 32;
    static_assert(MaxText % Step == 0);
    for (std::size_t at = 0; at < size; at += Step) std::memcpy(text + at, other.text + at, Step);
    return *this;
  }

  /// Calls what() of the user's exception: not under a lock.
  static FailureText of(const RawEnd& end, TimePoint time, Duration uptime, std::uint64_t attempt) noexcept;
  static FailureText unresponsive(TimePoint time, Duration uptime, std::uint64_t attempt) noexcept;
  Failure with(std::exception_ptr exception, absl::Status status) const;
};

/// The latest failure with its exception; the first and the last sixteen as text, from the second failure on. Where
/// memory for that cannot be had, the failure is counted all the same, and the history has a gap.
class FailureMemory {
  struct History {
    static constexpr std::size_t Kept = 16;
    std::array<FailureText, Kept> first;
    std::array<FailureText, Kept> last;  // a ring
    std::uint64_t count = 0;
  };
  struct Kept {
    FailureText only;  // until there is a history
    std::exception_ptr exception;
    absl::Status status;
    std::unique_ptr<History> history;
  };

 public:
  /// Room for what the next failure needs. Allocates: not under a lock.
  struct Room {
    std::unique_ptr<Kept> kept;
    std::unique_ptr<History> history;
  };
  bool wants_room() const noexcept { return !kept_ || !kept_->history; }
  Room make_room() const noexcept;

  /// Keeps it, and takes exception and Status out of `end`. The exception that it takes the place of goes to `old`, to
  /// be destroyed outside the lock.
  void add(const FailureText& text, RawEnd& end, Room& room, std::exception_ptr& old) noexcept;

  std::uint64_t count() const noexcept { return count_; }
  bool empty() const noexcept { return count_ == 0; }
  Failure latest() const;
  std::vector<Failure> first() const;
  std::vector<Failure> last() const;
  /// Hands out the exception that is kept.
  std::exception_ptr take_exception() noexcept {
    return kept_ ? std::exchange(kept_->exception, nullptr) : std::exception_ptr();
  }

 private:
  const FailureText* newest() const noexcept;

  std::uint64_t count_ = 0;
  std::unique_ptr<Kept> kept_;  // from the first failure on
};

}  // namespace engin::detail

#endif  // ENGIN_LIB_SUPERVISOR_FAILURE_MEMORY_H_
