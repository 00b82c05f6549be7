// A test in virtual time, run once for each of several seeds, so that interleavings vary.
#ifndef ENGIN_TEST_SUPPORT_SCENARIO_H_
#define ENGIN_TEST_SUPPORT_SCENARIO_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engin/supervisor.h"
#include "engin/testing/recorder.h"
#include "engin/testing/virtual_runtime.h"
#include "test/support/event_rules.h"

namespace engin::test {

using namespace std::chrono_literals;

/// A supervisor in a world of its own, whose events are recorded. What the body of a scenario sees.
class Scenario {
 public:
  explicit Scenario(std::uint64_t the_seed) : seed(the_seed), world(the_seed) {}
  Scenario(const Scenario&) = delete;
  Scenario& operator=(const Scenario&) = delete;
  virtual ~Scenario();

  virtual void run() = 0;

  /// The supervisor, in this world, with the recorder and without the default observer. Once per scenario.
  Supervisor& make(SupervisorOptions options = {});
  Supervisor& supervisor() { return *supervisor_; }
  /// make() and start().
  Supervisor& started(SupervisorOptions options = {});
  /// Destroys the supervisor; before the body's variables that tasks refer to go. What the destructor wrote on stderr.
  std::string finish();

  /// In a job: blocks it for that long, whatever is requested of it.
  void block(Duration d);
  /// Marks the task as having a hook, for the rules.
  TaskHandle hooked(TaskHandle task);
  TaskHandle periodic(TaskHandle task);

  std::vector<Event> log() const { return recorder->events(); }
  std::vector<EventKind> kinds(std::string_view task) const { return recorder->kinds(task); }
  std::size_t count(EventKind kind) const { return recorder->count(kind); }
  std::size_t count(EventKind kind, std::string_view task) const;

  const std::uint64_t seed;
  testing::VirtualRuntime world;
  const std::shared_ptr<testing::Recorder> recorder = std::make_shared<testing::Recorder>();
  EventRules rules;

  /// What every scenario has to keep; called after the body.
  void check();

 private:
  std::optional<Supervisor> supervisor_;
  bool was_made_ = false;
};

inline constexpr std::uint64_t Seeds = 20;

template <class S>
void run_over_seeds(std::uint64_t seeds = Seeds) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    S scenario(seed);
    scenario.run();
    scenario.check();
    if (::testing::Test::HasFailure()) return;
  }
}

/// The body ends its supervisor (shutdown, wait, finish) before its own variables go.
#define ENGIN_SCENARIO(suite, name)                                   \
  struct suite##name : ::engin::test::Scenario {                      \
    using Scenario::Scenario;                                         \
    void run() override;                                              \
  };                                                                  \
  TEST(suite, name) { ::engin::test::run_over_seeds<suite##name>(); } \
  void suite##name::run()

/// The usual bodies.
inline auto throws(std::string text = "broken") {
  return [text = std::move(text)] { throw std::runtime_error(text); };
}
inline auto until_stopped() {
  return [](std::stop_token) -> Co<> {
    while (co_await sleep_for(1h)) {
    }
  };
}
inline auto plain_until_stopped() {
  return [] {
    while (this_task::sleep_for(1h)) {
    }
  };
}
/// Ends that long after it was asked to stop.
inline auto slow_to_stop(Duration d) {
  return [d](std::stop_token) -> Co<> {
    while (co_await sleep_for(1h)) {
    }
    (void)co_await sleep_for(d, ignore_stop);
  };
}

}  // namespace engin::test

#endif  // ENGIN_TEST_SUPPORT_SCENARIO_H_
