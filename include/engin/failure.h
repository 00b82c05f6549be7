// What a task failed with: an exception of any type, or an absl::Status that is not OK.
#ifndef ENGIN_FAILURE_H_
#define ENGIN_FAILURE_H_

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <typeinfo>

#include "absl/status/status.h"
#include "engin/detail/export.h"
#include "engin/detail/time.h"

namespace engin {

/// One failure of one attempt. A value: copy and keep it as you like, from any thread; copies share the exception.
///
/// Only a task's latest failure and the cause of a shutdown keep the exception itself; earlier ones keep type and text
/// (`exception()` is null then). A std::bad_alloc keeps none. The text is cut after 96 bytes.
class ENGIN_EXPORT Failure {
 public:
  Failure() noexcept = default;
  Failure(const std::type_info* type, std::string_view message, std::exception_ptr exception, absl::Status status,
          TimePoint time, Duration uptime, std::uint64_t attempt);

  /// The exception's type, demangled now ("std::system_error"); "absl::Status" if a Status was returned.
  std::string type() const;
  /// what() of a std::exception, the text of a Status ("UNAVAILABLE: refused"), empty for other types.
  const std::string& message() const noexcept { return message_; }
  /// The Status that was returned; OK if the failure was an exception.
  const absl::Status& status() const noexcept { return status_; }
  /// The exception, or null (see above).
  const std::exception_ptr& exception() const noexcept { return exception_; }
  /// The exception as an E, or null if it is something else or was not kept. Lives as long as this object or a copy.
  template <class E>
  const E* as() const noexcept {
    if (!exception_) return nullptr;
    try {
      std::rethrow_exception(exception_);
    } catch (const E& e) {
      return &e;  // the exception object itself: exception_ keeps it
    } catch (...) {
      return nullptr;
    }
  }
  /// When the attempt failed.
  TimePoint time() const noexcept { return time_; }
  /// How long the attempt (a periodic task: the call) had run.
  Duration uptime() const noexcept { return uptime_; }
  /// The attempt that failed, from 1.
  std::uint64_t attempt() const noexcept { return attempt_; }
  /// "type: message", or the type alone, without a leading "std::".
  std::string describe() const;

 private:
  const std::type_info* type_ = nullptr;
  std::string message_;
  std::exception_ptr exception_;
  absl::Status status_;
  TimePoint time_{};
  Duration uptime_{};
  std::uint64_t attempt_ = 0;
};

}  // namespace engin

#endif  // ENGIN_FAILURE_H_
