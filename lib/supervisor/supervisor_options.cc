#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/duration_text.h"
#include "engin/supervisor.h"

namespace engin {

namespace {
absl::Status refused(absl::string_view field, absl::string_view reason) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", reason));
}
}  // namespace

absl::Status SupervisorOptions::validate() const {
  if (runners && *runners < 1) return refused("runners", absl::StrCat("must be at least 1, is ", *runners));
  if (max_runners < 1) return refused("max_runners", absl::StrCat("must be at least 1, is ", max_runners));
  constexpr int most_runners = 100'000;  // each has a place from the start; no system gives a process more threads
  if (max_runners > most_runners) {
    return refused("max_runners", absl::StrCat("must be at most ", most_runners, ", is ", max_runners));
  }
  if (runners && max_runners < *runners) {
    return refused("max_runners", absl::StrCat("must be at least runners, which is ", *runners, ", is ", max_runners));
  }
  // Less leaves no room for the frames of the runtime, oneTBB and a handler of an exception.
  constexpr std::size_t smallest_stack = std::size_t{64} << 10;
  if (runner_stack_size < smallest_stack) {
    return refused("runner_stack_size",
                   absl::StrCat("must be at least ", smallest_stack, " bytes, is ", runner_stack_size));
  }
  constexpr std::size_t largest_stack = std::size_t{1} << 40;
  if (runner_stack_size > largest_stack) {
    return refused("runner_stack_size",
                   absl::StrCat("must be at most ", largest_stack, " bytes, is ", runner_stack_size));
  }
  if (stop_order > StopOrder::Reverse) {
    return refused("stop_order", absl::StrCat("there is no such value: ", static_cast<int>(stop_order)));
  }
  if (on_straggler > OnStraggler::Abandon) {
    return refused("on_straggler", absl::StrCat("there is no such value: ", static_cast<int>(on_straggler)));
  }
  if (shutdown_timeout < Duration::zero()) {
    return refused("shutdown_timeout",
                   absl::StrCat("must not be negative, is ", base::exact_duration_text(shutdown_timeout)));
  }
  for (std::size_t i = 0; i < observers.size(); ++i) {
    if (!observers[i]) return refused(absl::StrCat("observers[", i, "]"), "must not be null");
  }
  if (absl::Status status = defaults.validate(); !status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("defaults.", status.message()));
  }
  if (!defaults.name.empty()) return refused("defaults.name", "must be empty, for names are unique");
  return absl::OkStatus();
}

}  // namespace engin
