// A host that several threads use.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <stop_token>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engin/engin.h"
#include "test/host/engin_kit.h"
#include "test/support/sanitizers.h"

namespace {

using namespace std::chrono_literals;
using engin::Engin;
using engin::Entrypoint;
using engin::Invoke;
using engin::Lifecycle;
using engin::OnReturn;
using engin::OnStraggler;
using engin::Provide;
using engin::Supervisor;
using engin::SupervisorOptions;
using engin::Supply;
using ::testing::ElementsAre;

TEST(EnginThreadsTest, RunIsEndedByAnotherThreadAndBothGetTheCode) {
  std::promise<void> running;
  Engin app(engin::handle_signals(false), Supply(SupervisorOptions{.default_observer = false}),
            Invoke([&](Supervisor& s) {
              s.supervise([&](std::stop_token) {
                running.set_value();
                while (engin::this_task::sleep_for(1h)) {
                }
              });
            }));
  int stopped = -1;
  std::thread other([&] {
    running.get_future().wait();
    stopped = app.stop();
  });
  EXPECT_EQ(app.run(), 0);
  other.join();
  EXPECT_EQ(stopped, 0);
}

TEST(EnginThreadsTest, SeveralThreadsMayStopWhatStartStarted) {
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> destroyed{0};
    struct Value {
      std::atomic<int>* count;
      explicit Value(std::atomic<int>& c) : count(&c) {}
      Value(const Value&) = delete;
      ~Value() { ++*count; }
    };
    Engin app(Supply(SupervisorOptions{.default_observer = false}), Provide([&] { return Value(destroyed); }),
              Entrypoint<Value>());
    app.start();
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        EXPECT_EQ(app.stop(), 0);
        EXPECT_EQ(destroyed, 1) << "when stop() returns, all is down";
      });
    }
    for (auto& thread : threads) thread.join();
  }
}

TEST(EnginThreadsTest, AStopDuringStartUpFromAnotherThreadWaitsUntilAllIsDown) {
  for (int round = 0; round < 50; ++round) {
    std::promise<void> starting;
    std::atomic<bool> down{false};
    Engin app(
        Supply(SupervisorOptions{.default_observer = false}), Invoke([&](Lifecycle& lifecycle) {
          lifecycle.hook({.name = "a", .on_start = [&] { starting.set_value(); }, .on_stop = [&] { down = true; }});
          lifecycle.hook({.name = "b"});
        }));
    std::thread other([&] {
      starting.get_future().wait();
      EXPECT_EQ(app.stop(), 0);
      EXPECT_TRUE(down);
    });
    app.start();
    other.join();
  }
}

TEST(EnginThreadsTest, TwoThreadsMayStopWhileItStarts) {
  for (int round = 0; round < 100; ++round) {
    std::promise<void> starting;
    const auto started = starting.get_future().share();
    std::atomic<int> ups{0};
    std::atomic<int> downs{0};
    const auto counted = [&](const char* name) {
      return engin::LifecycleHook{.name = name, .on_start = [&] { ++ups; }, .on_stop = [&] { ++downs; }};
    };
    Engin app(Supply(SupervisorOptions{.default_observer = false}),
              Invoke([&](Lifecycle& lifecycle, Supervisor& supervisor) {
                lifecycle.hook(counted("a"));
                lifecycle.hook(counted("b"));
                starting.set_value();
                try {
                  supervisor.supervise([] {});
                } catch (const engin::SupervisorStopping&) {
                }
              }));
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&, i] {
        started.wait();
        if (i == 0) app.request_stop("enough");
        EXPECT_EQ(app.stop(), 0);
        EXPECT_EQ(ups, downs) << "when stop() returns, all is down";
      });
    }
    app.start();
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(app.report().exit_code, 0);
  }
}

TEST(EnginThreadsTest, OnlyOneOfTwoThreadsRunsIt) {
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> refused{0};
    Engin app(engin::handle_signals(false), Supply(SupervisorOptions{.default_observer = false}),
              Invoke([](Supervisor& s) { s.supervise([] {}, {.on_return = OnReturn::Shutdown}); }));
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&] {
        try {
          EXPECT_EQ(app.run(), 0);
        } catch (const engin::AlreadyStarted&) {
          ++refused;
        }
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(refused, 1);
  }
}

TEST(EnginThreadsTest, ABlockingHookThatHangsCannotHoldUpTheStop) {
  if (engin::test::under_tsan)
    GTEST_SKIP() << "the threads of a host that is abandoned are not joined, which is reported";
  using std::chrono::steady_clock;
  auto quickest = steady_clock::duration::max();
  for (int round = 0; round < 4; ++round) {  // on a busy machine any one may be late
    std::promise<void> release;
    auto released = release.get_future().share();
    Engin app(Supply(SupervisorOptions{
                  .shutdown_timeout = 200ms, .on_straggler = OnStraggler::Abandon, .default_observer = false}),
              Invoke([&](Lifecycle& lifecycle) {
                lifecycle.hook({.name = "stuck", .on_stop = [released] { released.wait(); }});
              }));
    app.start();
    const auto before = steady_clock::now();
    EXPECT_EQ(app.stop(), 2);
    quickest = std::min(quickest, steady_clock::now() - before);
    EXPECT_THAT(app.report().unfinished_hooks, ElementsAre("on_stop of stuck"));
    release.set_value();
  }
  EXPECT_LT(quickest, 400ms) << "the deadline is 200 ms";
}

}  // namespace
