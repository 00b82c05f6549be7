#include "engin/failure.h"

#include <chrono>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <typeinfo>

#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "engin/errors.h"
#include "engin/outcome.h"
#include "engin/task_state.h"

namespace engin {
namespace {

using namespace std::chrono_literals;

Failure of(const std::type_info& type, std::string_view message) {
  return Failure(&type, message, nullptr, absl::OkStatus(), TimePoint(5s), 2s, 7);
}

TEST(FailureTest, DescribesTypeAndMessageWithoutTheLeadingStd) {
  EXPECT_EQ(of(typeid(std::system_error), "connection refused").describe(), "system_error: connection refused");
  EXPECT_EQ(of(typeid(std::system_error), "connection refused").type(), "std::system_error");
  EXPECT_EQ(of(typeid(int), "").describe(), "int");
  EXPECT_EQ(of(typeid(engin::Stopped), "x").describe(), "engin::Stopped: x");
}

TEST(FailureTest, KeepsWhatItWasGiven) {
  const std::exception_ptr exception = std::make_exception_ptr(std::runtime_error("x"));
  const Failure failure(&typeid(std::runtime_error), "x", exception, absl::OkStatus(), TimePoint(5s), 2s, 7);
  EXPECT_EQ(failure.message(), "x");
  EXPECT_EQ(failure.exception(), exception);
  EXPECT_EQ(failure.time(), TimePoint(5s));
  EXPECT_EQ(failure.uptime(), 2s);
  EXPECT_EQ(failure.attempt(), 7U);
  EXPECT_TRUE(failure.status().ok());
}

TEST(FailureTest, GivesTheExceptionAsItsType) {
  const std::exception_ptr exception = std::make_exception_ptr(std::runtime_error("x"));
  const Failure failure(&typeid(std::runtime_error), "x", exception, absl::OkStatus(), {}, {}, 1);
  ASSERT_NE(failure.as<std::exception>(), nullptr);
  EXPECT_STREQ(failure.as<std::exception>()->what(), "x");
  EXPECT_EQ(failure.as<std::logic_error>(), nullptr);
  const Failure copy = failure;
  EXPECT_EQ(copy.as<std::runtime_error>(), failure.as<std::runtime_error>());
  EXPECT_EQ(of(typeid(std::runtime_error), "x").as<std::runtime_error>(), nullptr);
}

TEST(FailureTest, AStatusIsAFailureToo) {
  const absl::Status status = absl::UnavailableError("refused");
  const Failure failure(nullptr, status.ToString(), nullptr, status, {}, {}, 1);
  EXPECT_EQ(failure.type(), "absl::Status");
  EXPECT_EQ(failure.describe(), "absl::Status: UNAVAILABLE: refused");
  // Kept as text, or with its type: never with the name of Abseil's inline namespace.
  EXPECT_EQ(of(typeid(absl::Status), "UNAVAILABLE: refused").type(), "absl::Status");
  EXPECT_EQ(Failure(&typeid(absl::Status), "", nullptr, status, {}, {}, 1).type(), "absl::Status");
  EXPECT_EQ(failure.status(), status);
}

TEST(FailureTest, AForeignExceptionHasNoTypeToName) {
  EXPECT_EQ(Failure(nullptr, "", nullptr, absl::OkStatus(), {}, {}, 1).describe(), "foreign exception");
}

TEST(FailureTest, NoFailureDescribesAsNothing) {
  EXPECT_EQ(Failure().type(), "");
  EXPECT_EQ(Failure().describe(), "");
}

TEST(FailureTest, LongTextIsCutAfter96Bytes) {
  EXPECT_EQ(of(typeid(int), std::string(96, 'x')).message().size(), 96U);
  EXPECT_EQ(of(typeid(int), std::string(97, 'x')).message().size(), 96U);
  EXPECT_EQ(of(typeid(int), std::string(95, 'x') + "\xc3\xa9").message(), std::string(95, 'x'));
}

TEST(ErrorsTest, InvalidOptionsNamesTaskFieldAndReason) {
  const InvalidOptions error("uplink", "backoff.multiplier", "must be at least 1, is 0.5");
  EXPECT_STREQ(error.what(), "engin: task 'uplink': backoff.multiplier: must be at least 1, is 0.5");
  EXPECT_EQ(error.field(), "backoff.multiplier");
  EXPECT_STREQ(InvalidOptions("", "runners", "must be at least 1, is 0").what(),
               "engin: runners: must be at least 1, is 0");
}

TEST(ErrorsTest, DuplicateNameIsAnInvalidName) {
  try {
    throw DuplicateName("uplink");
  } catch (const InvalidOptions& error) {
    EXPECT_EQ(error.field(), "name");
    EXPECT_STREQ(error.what(), "engin: task 'uplink': name: a task of this name is present already");
  }
}

template <class E>
constexpr bool is_misuse = std::is_base_of_v<Error, E> && std::is_base_of_v<std::logic_error, E>;
static_assert(is_misuse<InvalidOptions> && is_misuse<DuplicateName> && is_misuse<AlreadyStarted> &&
              is_misuse<NotStarted> && is_misuse<SupervisorStopping> && is_misuse<WouldDeadlock> &&
              is_misuse<NotInTask> && is_misuse<NullCoroutine> && is_misuse<ForkedChild> && !is_misuse<StartFailed>);

TEST(WordsTest, StatesAreCalledAsInTheCode) {
  EXPECT_EQ(to_string(TaskState::Registered), "Registered");
  EXPECT_EQ(to_string(TaskState::Queued), "Queued");
  EXPECT_EQ(to_string(TaskState::Running), "Running");
  EXPECT_EQ(to_string(TaskState::Waiting), "Waiting");
  EXPECT_EQ(to_string(TaskState::Backoff), "Backoff");
  EXPECT_EQ(to_string(TaskState::CoolingDown), "CoolingDown");
  EXPECT_EQ(to_string(TaskState::Stopping), "Stopping");
  EXPECT_EQ(to_string(TaskState::Straggling), "Straggling");
  EXPECT_EQ(to_string(TaskState::Completed), "Completed");
  EXPECT_EQ(to_string(TaskState::Failed), "Failed");
  EXPECT_EQ(to_string(TaskState::GaveUp), "GaveUp");
  EXPECT_EQ(to_string(TaskState::Stopped), "Stopped");
  EXPECT_EQ(to_string(static_cast<TaskState>(200)), "unknown");
}

TEST(WordsTest, ResultsAreCalledAsInTheCode) {
  EXPECT_EQ(to_string(StopReason::None), "None");
  EXPECT_EQ(to_string(StopReason::Unresponsive), "Unresponsive");
  EXPECT_EQ(to_string(StopResult::Stopped), "Stopped");
  EXPECT_EQ(to_string(StopResult::TimedOut), "TimedOut");
  EXPECT_EQ(to_string(RestartResult::WhenEnded), "WhenEnded");
  EXPECT_EQ(to_string(RestartResult::Refused), "Refused");
  EXPECT_EQ(to_string(HookResult::Returned), "Returned");
  EXPECT_EQ(to_string(HookResult::NotStarted), "NotStarted");
}

TEST(WordsTest, TestsPrintThem) {
  EXPECT_EQ(testing::PrintToString(TaskState::Backoff), "Backoff");
  EXPECT_EQ(testing::PrintToString(StopReason::Shutdown), "Shutdown");
  EXPECT_EQ(testing::PrintToString(StopResult::AlreadyEnded), "AlreadyEnded");
  EXPECT_EQ(testing::PrintToString(RestartResult::Started), "Started");
  EXPECT_EQ(testing::PrintToString(HookResult::TimedOut), "TimedOut");
  EXPECT_EQ(testing::PrintToString(Outcome::Completed), "Completed");
  EXPECT_EQ(testing::PrintToString(Outcome(Outcome::Stopped)), "Stopped");
  EXPECT_EQ(testing::PrintToString(Outcome(Outcome::Failed, of(typeid(std::runtime_error), "a\nb"))),
            "Failed (runtime_error: a\\nb)");
}

TEST(OutcomeTest, ComparesLikeItsKind) {
  const Outcome outcome(Outcome::Failed, of(typeid(int), ""));
  EXPECT_TRUE(outcome == Outcome::Failed);
  EXPECT_FALSE(outcome == Outcome::Stopped);
}

}  // namespace
}  // namespace engin
