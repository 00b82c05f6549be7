#include "test/support/scenario.h"

#include <iostream>
#include <utility>

#include "runtime/virtual_world.h"

namespace engin::test {

/// By now the supervisor and all handles are gone. Its record holds the recorder, and each task's holds its record.
Scenario::~Scenario() {
  world.run_until_idle();
  EXPECT_EQ(recorder.use_count(), 1) << "something of the supervisor is kept for good";
}

Supervisor& Scenario::make(SupervisorOptions options) {
  options.runtime = world;
  options.observers.insert(options.observers.begin(), recorder);
  options.default_observer = false;
  if (!options.random_seed) options.random_seed = seed;
  supervisor_.emplace(std::move(options));
  was_made_ = true;
  return *supervisor_;
}

Supervisor& Scenario::started(SupervisorOptions options) {
  Supervisor& s = make(std::move(options));
  s.start();
  return s;
}

std::string Scenario::finish() {
  ::testing::internal::CaptureStderr();  // the destructor names those it waits for
  supervisor_.reset();
  return ::testing::internal::GetCapturedStderr();
}

void Scenario::block(Duration d) {
  world.world().wait(nullptr, [] { return false; }, detail::saturating_add(world.now(), d));
}

TaskHandle Scenario::hooked(TaskHandle task) {
  rules.hooked.insert(task.id());
  return task;
}

TaskHandle Scenario::periodic(TaskHandle task) {
  rules.periodic.insert(task.id());
  return task;
}

std::size_t Scenario::count(EventKind kind, std::string_view task) const {
  std::size_t n = 0;
  for (const EventKind k : recorder->kinds(task)) n += k == kind ? 1 : 0;
  return n;
}

void Scenario::check() {
  if (supervisor_) {
    const SupervisorSnapshot totals = supervisor_->snapshot();
    EXPECT_TRUE(totals.ended) << "a scenario ends its supervisor before its variables go";
    for (const std::string& what : count_violations(log(), totals, rules)) ADD_FAILURE() << what;
    finish();
  }
  EXPECT_TRUE(was_made_);
  world.run_until_idle();
  EXPECT_EQ(world.pending_timers(), 0u) << "a timer is pending after the end (S5)";
  for (const std::string& what : violations(log(), rules)) ADD_FAILURE() << what;
  if (::testing::Test::HasFailure()) {
    constexpr std::size_t Most = 100;
    std::vector<Event> events = log();
    if (events.size() > Most) events.resize(Most);
    for (const Event& e : events) std::cout << "  " << e << "\n";
  }
}

}  // namespace engin::test
