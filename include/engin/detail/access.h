// The host's doors into a supervisor; not for users.
#ifndef ENGIN_DETAIL_ACCESS_H_
#define ENGIN_DETAIL_ACCESS_H_

#include <source_location>
#include <string>
#include <string_view>
#include <utility>

#include "engin/detail/callable.h"
#include "engin/detail/export.h"
#include "engin/supervisor.h"

namespace engin::detail {

struct ENGIN_EXPORT Access {
  /// Supervisor::request_shutdown with a cause that only the host knows (a signal). The first cause stays.
  static void request_shutdown(Supervisor& supervisor, ShutdownCause cause) noexcept;
  /// Names of the tasks that have not ended, separated by commas: for the last line before a second signal ends the
  /// process. Waits for no lock that user code can hold.
  static std::string unfinished(const Supervisor& supervisor);
  /// Throws WouldDeadlock in a job of this supervisor; `what` for its text.
  static void check_may_wait(const Supervisor& supervisor, std::string_view what);
  /// Supervises a body that somebody made already.
  static TaskHandle supervise(Supervisor& supervisor, BodyPtr body, TaskOptions options) {
    return supervisor.adopt(std::move(body), &options, nullptr, std::source_location::current());
  }
};

}  // namespace engin::detail

#endif  // ENGIN_DETAIL_ACCESS_H_
