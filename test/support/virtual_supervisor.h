// A supervisor in a virtual world, the same test under several seeds.
#ifndef ENGIN_TEST_SUPPORT_VIRTUAL_SUPERVISOR_H_
#define ENGIN_TEST_SUPPORT_VIRTUAL_SUPERVISOR_H_

#include <cstdint>
#include <memory>
#include <utility>

#include <gtest/gtest.h>

#include "engin/supervisor.h"
#include "engin/testing/recorder.h"
#include "engin/testing/virtual_runtime.h"

namespace engin::test {

/// Each test runs once for every seed: in as many orders of whatever is ready at the same time.
class VirtualTest : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  VirtualTest() : world(GetParam()) {}
  /// The test's supervisors and handles are gone, and with them all that there was of a supervisor.
  ~VirtualTest() override {
    world.run_until_idle();
    EXPECT_EQ(events.use_count(), 1) << "something of a supervisor is kept for good";
  }

  /// Options of a supervisor in this world whose events go to `events`.
  SupervisorOptions options(SupervisorOptions given = {}) {
    given.observers.push_back(events);
    given.default_observer = false;
    given.random_seed = GetParam();
    given.runtime = world;
    return given;
  }

  testing::VirtualRuntime world;
  std::shared_ptr<testing::Recorder> events = std::make_shared<testing::Recorder>();
};

#define ENGIN_WITH_SEEDS(suite) INSTANTIATE_TEST_SUITE_P(Seeds, suite, ::testing::Range<std::uint64_t>(1, 9))

/// Counts how many of it are alive.
class Counted {
 public:
  explicit Counted(int& alive) : alive_(&alive) { ++*alive_; }
  Counted(const Counted& other) : alive_(other.alive_) { ++*alive_; }
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --*alive_; }

 private:
  int* alive_;
};

}  // namespace engin::test

#endif  // ENGIN_TEST_SUPPORT_VIRTUAL_SUPERVISOR_H_
