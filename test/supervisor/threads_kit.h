// A supervisor on real threads under test. Every wait is bounded; times are upper bounds that a loaded machine keeps
// too, or the best of several rounds.
#ifndef ENGIN_TEST_SUPERVISOR_THREADS_KIT_H_
#define ENGIN_TEST_SUPERVISOR_THREADS_KIT_H_

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <latch>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engin/supervisor.h"
#include "engin/testing/recorder.h"
#include "test/support/event_rules.h"

namespace engin {

inline constexpr auto Patience = std::chrono::seconds(20);

/// Opened once; who waits at it waits at most for a while.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    opened_.notify_all();
  }
  bool wait(std::chrono::milliseconds most = Patience) {
    std::unique_lock lock(mutex_);
    return opened_.wait_until(lock, std::chrono::steady_clock::now() + most, [this] { return is_open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool is_open_ = false;
};

class ThreadsTest : public ::testing::Test {
 protected:
  SupervisorOptions options() { return {.observers = {recorder}, .default_observer = false}; }
  void TearDown() override {
    rules.exact = false;
    for (const std::string& what : test::violations(recorder->events(), rules)) ADD_FAILURE() << what;
  }
  const std::shared_ptr<testing::Recorder> recorder = std::make_shared<testing::Recorder>();
  test::EventRules rules;
};

inline auto sleeps_until_stopped() {
  return [] {
    while (this_task::sleep_for(std::chrono::hours(1))) {
    }
  };
}

/// The tasks that a report names, in order. Not the observers: one that a loaded machine holds up in the midst of a
/// call while the report is made is named, and rightly so.
inline std::vector<std::string> straggling_tasks(const ShutdownReport& report) {
  std::vector<std::string> names;
  for (const Straggler& straggler : report.stragglers) {
    if (straggler.id != 0) names.push_back(straggler.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// A callable whose stop callback waits at `release`, and which returns as soon as that is called. One that its token
/// woke might take the callback off before anybody has called it.
inline auto returns_into_its_callback(Gate& release, std::latch& ready) {
  return [&](std::stop_token stop) {
    Gate called;
    const std::stop_callback callback(stop, [&] {
      called.open();
      release.wait();
    });
    ready.count_down();
    called.wait();
  };
}

}  // namespace engin

#endif  // ENGIN_TEST_SUPERVISOR_THREADS_KIT_H_
