#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engin/observers.h"
#include "engin/supervisor.h"
#include "engin/testing/recorder.h"
#include "supervisor/validate.h"

namespace engin {
namespace {

using namespace std::chrono_literals;

template <class Options>
void expect_refused(const Options& options, const std::string& message) {
  const absl::Status status = options.validate();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << message;
  EXPECT_EQ(std::string(status.message()), message);
}

TEST(TaskOptionsTest, AreRefusedWithTheFieldAndTheReason) {
  const auto refused = &expect_refused<TaskOptions>;
  refused({.name = std::string(129, 'x')}, "name: must have at most 128 bytes, has 129");
  refused({.on_exception = static_cast<OnException>(9)}, "on_exception: there is no such value: 9");
  refused({.name = "a#1"}, "name: must not contain '#', which marks made-up names: 'a#1'");
  refused({.name = "a\nb"}, "name: must not contain control characters: 'a\\nb'");
  refused({.name = std::string("a\0", 2)}, "name: must not contain control characters: 'a\\x00'");
  refused({.name = "\x7f"}, "name: must not contain control characters: '\\x7f'");
  refused({.backoff = {.multiplier = 0.5}}, "backoff.multiplier: must be at least 1, is 0.5");
  refused({.restart_limit = {.window = -1s}}, "restart_limit.window: must not be negative, is -1 s");
  refused({.backoff = Backoff::constant(1min), .restart_limit = {.max_restarts = 1}},
          "restart_limit.max_restarts: can never be reached: at the backoff's earliest delays, restart 2 comes 60 s "
          "after the first or later, and the window is 60 s");
  refused({.hook_timeout = -1ms}, "hook_timeout: must not be negative, is -1 ms");
  refused({.stop_timeout = -1ns}, "stop_timeout: must not be negative, is -1 ns");
  refused({.heartbeat_timeout = -2s}, "heartbeat_timeout: must not be negative, is -2 s");
}

TEST(TaskOptionsTest, AreAcceptedAtTheEdges) {
  const std::vector<TaskOptions> accepted = {
      {},
      {.name = "x"},
      {.name = std::string(128, 'x')},
      {.name = "a name with spaces, 'quotes' and caf\xc3\xa9"},
      {.hook_timeout = 0s, .stop_timeout = 0s},
      {.hook_timeout = Duration::max(), .stop_timeout = Duration::max(), .heartbeat_timeout = Duration::max()},
  };
  for (const TaskOptions& options : accepted) EXPECT_EQ(options.validate(), absl::OkStatus()) << options.name;
}

TEST(TaskOptionsTest, APeriodIsPositiveAndTheJitterWithinIt) {
  struct PeriodicCase {
    detail::PeriodicSpec spec;
    std::string message;
  };
  const std::vector<PeriodicCase> cases = {
      {{0s, {}}, "every.period: must be positive, is 0 s"},
      {{-1s, {}}, "every.period: must be positive, is -1 s"},
      {{1s, {.first = -1s}}, "every.first: must not be negative, is -1 s"},
      {{1s, {.jitter = -1s}}, "every.jitter: must not be negative, is -1 s"},
      {{1s, {.jitter = 1s + 1ns}}, "every.jitter: must not exceed the period, which is 1 s, is 1.000000001 s"},
      {{1s, {.jitter = 1s}}, ""},
      {{1ns, {.first = Duration::max()}}, ""},
  };
  for (const PeriodicCase& c : cases) EXPECT_EQ(std::string(validate(TaskOptions(), &c.spec).message()), c.message);
}

TEST(TaskOptionsTest, APeriodBringsALimitWithinReach) {
  const TaskOptions options{.backoff = Backoff::constant(1min), .restart_limit = {.max_restarts = 5}};
  const detail::PeriodicSpec often{1s, {}};
  const detail::PeriodicSpec seldom{1h, {}};
  EXPECT_TRUE(validate(options, &often).ok());
  EXPECT_FALSE(validate(options, &seldom).ok());
  EXPECT_FALSE(validate(options, nullptr).ok());
}

TEST(SupervisorOptionsTest, AreRefusedWithTheFieldAndTheReason) {
  const auto refused = &expect_refused<SupervisorOptions>;
  refused({.runners = 0}, "runners: must be at least 1, is 0");
  refused({.runners = -3}, "runners: must be at least 1, is -3");
  refused({.max_runners = 0}, "max_runners: must be at least 1, is 0");
  refused({.max_runners = 2'147'483'647}, "max_runners: must be at most 100000, is 2147483647");
  refused({.runners = 4, .max_runners = 3}, "max_runners: must be at least runners, which is 4, is 3");
  refused({.runner_stack_size = 65'535}, "runner_stack_size: must be at least 65536 bytes, is 65535");
  refused({.shutdown_timeout = -1s}, "shutdown_timeout: must not be negative, is -1 s");
  refused({.observers = {std::make_shared<testing::Recorder>(), nullptr}}, "observers[1]: must not be null");
  refused({.defaults = {.name = "all"}}, "defaults.name: must be empty, for names are unique");
  refused({.defaults = {.stop_timeout = -1s}}, "defaults.stop_timeout: must not be negative, is -1 s");
  refused({.defaults = {.backoff = {.multiplier = 0}}}, "defaults.backoff.multiplier: must be at least 1, is 0");
}

TEST(SupervisorOptionsTest, AreAcceptedAtTheEdges) {
  EXPECT_TRUE(SupervisorOptions().validate().ok());
  EXPECT_TRUE((SupervisorOptions{.runners = 1, .max_runners = 1}.validate().ok()));
  EXPECT_TRUE((SupervisorOptions{.runner_stack_size = 65'536, .shutdown_timeout = 0s}.validate().ok()));
  EXPECT_TRUE((SupervisorOptions{.observers = {std::make_shared<testing::Recorder>()}}.validate().ok()));
}

TEST(ThrowInvalidTest, SplitsTheFieldFromTheReason) {
  try {
    throw_invalid("uplink", TaskOptions{.backoff = {.multiplier = 0.5}}.validate());
  } catch (const InvalidOptions& error) {
    EXPECT_EQ(error.field(), "backoff.multiplier");
    EXPECT_STREQ(error.what(), "engin: task 'uplink': backoff.multiplier: must be at least 1, is 0.5");
  }
  EXPECT_THROW(throw_invalid("", absl::InvalidArgumentError("no colon")), InvalidOptions);
}

}  // namespace
}  // namespace engin
