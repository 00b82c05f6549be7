#include "engin/task_state.h"

#include <array>
#include <ostream>
#include <string_view>

#include "base/enum_text.h"

namespace engin {

namespace {

using Name = std::string_view;
constexpr std::array task_states =
    std::to_array<Name>({"Registered", "Queued", "Running", "Waiting", "Backoff", "CoolingDown", "Stopping",
                         "Straggling", "Completed", "Failed", "GaveUp", "Stopped"});
constexpr std::array stop_reasons = std::to_array<Name>({"None", "Shutdown", "Requested", "Restart", "Unresponsive"});
constexpr std::array stop_results = std::to_array<Name>({"Stopped", "AlreadyEnded", "TimedOut"});
constexpr std::array restart_results = std::to_array<Name>({"Started", "WhenEnded", "Refused"});
constexpr std::array hook_results = std::to_array<Name>({"None", "Returned", "Failed", "TimedOut", "NotStarted"});

static_assert(task_states.size() == static_cast<std::size_t>(TaskState::Stopped) + 1);
static_assert(stop_reasons.size() == static_cast<std::size_t>(StopReason::Unresponsive) + 1);
static_assert(stop_results.size() == static_cast<std::size_t>(StopResult::TimedOut) + 1);
static_assert(restart_results.size() == static_cast<std::size_t>(RestartResult::Refused) + 1);
static_assert(hook_results.size() == static_cast<std::size_t>(HookResult::NotStarted) + 1);

}  // namespace

std::string_view to_string(TaskState state) noexcept { return base::enum_text(task_states, state); }
std::string_view to_string(StopReason reason) noexcept { return base::enum_text(stop_reasons, reason); }
std::string_view to_string(StopResult result) noexcept { return base::enum_text(stop_results, result); }
std::string_view to_string(RestartResult result) noexcept { return base::enum_text(restart_results, result); }
std::string_view to_string(HookResult result) noexcept { return base::enum_text(hook_results, result); }

std::ostream& operator<<(std::ostream& out, TaskState state) { return out << to_string(state); }
std::ostream& operator<<(std::ostream& out, StopReason reason) { return out << to_string(reason); }
std::ostream& operator<<(std::ostream& out, StopResult result) { return out << to_string(result); }
std::ostream& operator<<(std::ostream& out, RestartResult result) { return out << to_string(result); }
std::ostream& operator<<(std::ostream& out, HookResult result) { return out << to_string(result); }

}  // namespace engin
