// The table of TaskHandle: what stop, restart and remove do in each state, cell by cell.
#include <array>
#include <chrono>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engin/supervisor.h"
#include "test/support/scenario.h"

namespace engin {
namespace {

using namespace std::chrono_literals;
using namespace engin::test;

enum class Verb { Stop, Restart, Remove };

/// The state to be in, and what each call does there. `hooks`: how often the hook has run after stop().
struct Row {
  TaskState state;
  StopResult stop;
  int hooks;
  RestartResult restart;
  bool remove;
};
using S = TaskState;
constexpr std::array Rows = {
    Row{S::Registered, StopResult::Stopped, 0, RestartResult::Started, false},
    Row{S::Queued, StopResult::Stopped, 1, RestartResult::Started, false},
    Row{S::Running, StopResult::Stopped, 1, RestartResult::Started, false},
    Row{S::Waiting, StopResult::Stopped, 1, RestartResult::Started, false},
    Row{S::Backoff, StopResult::Stopped, 1, RestartResult::Started, false},
    Row{S::CoolingDown, StopResult::Stopped, 1, RestartResult::Started, false},
    Row{S::Stopping, StopResult::Stopped, 1, RestartResult::WhenEnded, false},
    Row{S::Straggling, StopResult::Stopped, 1, RestartResult::WhenEnded, false},
    Row{S::Completed, StopResult::AlreadyEnded, 0, RestartResult::Started, true},
    Row{S::Failed, StopResult::AlreadyEnded, 0, RestartResult::Started, true},
    Row{S::GaveUp, StopResult::AlreadyEnded, 0, RestartResult::Started, true},
    Row{S::Stopped, StopResult::AlreadyEnded, 1, RestartResult::Started, true},
};

/// A task brought into a state.
class Table : public Scenario {
 public:
  explicit Table(std::uint64_t s, TaskState wanted, bool shutdown_began = false)
      : Scenario(s), wanted_(wanted), shutdown_began_(shutdown_began) {}

  int hooks = 0;
  int attempts = 0;
  TaskHandle task;

  void bring_about() {
    Supervisor& s = make();
    TaskOptions options{.name = "t", .shutdown_hook = [this] { ++hooks; }, .stop_timeout = 2s};
    const auto fails = [this] {
      ++attempts;
      throw std::runtime_error("broken");
    };
    const auto waits = [this](std::stop_token) -> Co<> {
      ++attempts;
      while (co_await sleep_for(1h)) {
      }
    };
    const auto waits_long = [this](std::stop_token) -> Co<> {
      ++attempts;
      while (co_await sleep_for(1h)) {
      }
      (void)co_await sleep_for(10s, ignore_stop);
    };
    switch (wanted_) {
      case S::Registered:
        task = s.supervise(waits, options);
        break;
      case S::Queued:
        s.start();
        task = s.supervise(waits, options);  // nothing has run yet
        break;
      case S::Running:
        s.start();
        task = s.supervise(
            [this] {
              ++attempts;
              while (this_task::sleep_for(1h)) {
              }
            },
            options);
        world.run_until_idle();
        break;
      case S::Waiting:
        s.start();
        task = s.supervise(waits, options);
        world.run_until_idle();
        break;
      case S::Backoff:
        s.start();
        options.on_exception = OnException::Retry;
        task = s.supervise(fails, options);
        world.run_until_idle();
        break;
      case S::CoolingDown:
      case S::GaveUp:
        s.start();
        options.on_exception = OnException::Retry;
        options.restart_limit = {.max_restarts = 0,
                                 .then = wanted_ == S::GaveUp ? OnLimit::GiveUp : OnLimit::CoolDown(1h)};
        task = s.supervise(fails, options);
        world.run_until_idle();
        break;
      case S::Stopping:
      case S::Straggling:
        s.start();
        task = s.supervise(waits_long, options);
        world.run_until_idle();
        task.request_stop();
        world.run_until_idle();
        if (wanted_ == S::Straggling) world.advance(3s);
        break;
      case S::Completed:
        s.start();
        task = s.supervise([this] { ++attempts; }, options);
        world.run_until_idle();
        break;
      case S::Failed:
        s.start();
        options.on_exception = OnException::Ignore;
        task = s.supervise(fails, options);
        world.run_until_idle();
        break;
      case S::Stopped:
        s.start();
        task = s.supervise(waits, options);
        world.run_until_idle();
        task.stop();
        break;
    }
    hooked(task);
    ASSERT_EQ(task.state(), wanted_);
    if (shutdown_began_) s.request_shutdown();
  }

  void run() override {}

 private:
  TaskState wanted_;
  bool shutdown_began_;
};

template <class F>
void for_each_row(F f) {
  for (const Row& row : Rows) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      SCOPED_TRACE(std::string(to_string(row.state)) + ", seed " + std::to_string(seed));
      f(row, seed);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

TEST(HandleTableTest, Stop) {
  for_each_row([](const Row& row, std::uint64_t seed) {
    Table t(seed, row.state);
    t.bring_about();
    const int before = t.attempts;
    EXPECT_EQ(t.task.stop(1h), row.stop);
    EXPECT_EQ(t.hooks, row.hooks);
    EXPECT_TRUE(is_ended(t.task.state()));
    EXPECT_EQ(t.task.stop(), StopResult::AlreadyEnded);
    if (row.stop == StopResult::Stopped) {
      EXPECT_EQ(t.task.wait(), Outcome::Stopped);
    }
    if (row.state != S::Registered) {
      t.world.advance(24h);
      EXPECT_EQ(t.attempts, before);  // S5
    }
    t.supervisor().shutdown();
    EXPECT_EQ(t.hooks, row.hooks);
    t.check();
  });
}

TEST(HandleTableTest, RequestStopLeadsToTheSameWithoutWaiting) {
  for_each_row([](const Row& row, std::uint64_t seed) {
    Table t(seed, row.state);
    t.bring_about();
    t.task.request_stop();
    t.task.request_stop();
    if (row.state != S::Registered) t.world.advance(1h);
    EXPECT_TRUE(is_ended(t.task.state()));
    EXPECT_EQ(t.hooks, row.hooks);
    t.supervisor().shutdown();
    t.check();
  });
}

TEST(HandleTableTest, Restart) {
  for_each_row([](const Row& row, std::uint64_t seed) {
    Table t(seed, row.state);
    t.rules.by_hand = true;
    t.bring_about();
    const int hooks = t.hooks;
    const TaskSnapshot before = t.task.snapshot();
    EXPECT_EQ(t.task.restart(), row.restart);
    if (row.state == S::Registered) {
      EXPECT_EQ(t.task.state(), S::Registered);  // nothing: it starts with the others
      t.supervisor().start();
    }
    t.world.run_until_idle();
    if (row.restart == RestartResult::WhenEnded) {
      EXPECT_EQ(t.task.state(), row.state);  // it has not ended yet
      t.world.advance(10s);
    }
    EXPECT_EQ(t.task.snapshot().attempt, before.attempt + 1);
    EXPECT_EQ(t.attempts, static_cast<int>(before.attempt) + 1);
    EXPECT_EQ(t.hooks, hooks) << "restart() runs no hook";
    EXPECT_FALSE(t.supervisor().shutdown_cause().has_value());
    t.world.run_until_idle();
    // A task started again has its hook again.
    if (!is_ended(t.task.state())) {
      EXPECT_EQ(t.task.stop(1h), StopResult::Stopped);
      EXPECT_EQ(t.hooks, hooks + 1);
    }
    t.supervisor().shutdown();
    t.check();
  });
}

TEST(HandleTableTest, Remove) {
  for_each_row([](const Row& row, std::uint64_t seed) {
    Table t(seed, row.state);
    t.bring_about();
    EXPECT_EQ(t.task.remove(), row.remove);
    EXPECT_EQ(t.supervisor().find("t").has_value(), !row.remove);
    if (row.remove) {
      EXPECT_FALSE(t.task.remove());
      EXPECT_EQ(t.task.restart(), RestartResult::Refused);
      EXPECT_EQ(t.task.stop(), StopResult::AlreadyEnded);
      EXPECT_NO_THROW(t.supervisor().supervise([] {}, {.name = "t"}).remove());
    }
    t.task.request_stop();
    t.supervisor().shutdown();
    t.check();
  });
}

TEST(HandleTableTest, AfterShutdownBegan) {
  for_each_row([](const Row& row, std::uint64_t seed) {
    Table t(seed, row.state, true);
    t.bring_about();
    EXPECT_EQ(t.task.restart(), RestartResult::Refused);
    EXPECT_FALSE(t.task.remove());
    const bool ended = is_ended(row.state);
    EXPECT_EQ(t.task.stop(1h), ended ? StopResult::AlreadyEnded : StopResult::Stopped);
    EXPECT_EQ(t.hooks, row.hooks);
    t.supervisor().shutdown();
    EXPECT_EQ(t.task.restart(), RestartResult::Refused);
    EXPECT_FALSE(t.task.remove());
    EXPECT_EQ(t.task.stop(1h), StopResult::AlreadyEnded);
    EXPECT_EQ(t.hooks, row.hooks);
    t.check();
  });
}

TEST(HandleTableTest, WhenTheSupervisorIsGone) {
  for_each_row([](const Row& row, std::uint64_t seed) {
    Table t(seed, row.state);
    t.bring_about();
    t.finish();
    EXPECT_EQ(t.task.restart(), RestartResult::Refused);
    EXPECT_FALSE(t.task.remove());
    t.task.request_stop();
    EXPECT_EQ(t.task.stop(1h), StopResult::AlreadyEnded);
    EXPECT_TRUE(is_ended(t.task.state()));
    EXPECT_TRUE(is_ended(t.task.snapshot().state));
    EXPECT_EQ(t.task.name(), "t");
    EXPECT_EQ(t.task.id(), 1u);
    (void)t.task.wait();
    EXPECT_FALSE(t.task.wait_ready(1h));
    const TaskHandle copy = t.task;
    EXPECT_EQ(copy, t.task);
    t.check();
  });
}

// --- What the table's cells mean, in the moments between.

ENGIN_SCENARIO(HandleTest, RestartOfARunningTaskStopsItWithoutItsHookAndResetsItsDelays) {
  rules.by_hand = true;
  Supervisor& s = started();
  int hooks = 0;
  StopReason reason = StopReason::None;
  const TaskHandle task = s.supervise(
      [&](std::stop_token) -> Co<> {
        if (this_task::attempt() <= 5) throw std::runtime_error("early");
        while (co_await sleep_for(1h)) {
        }
        reason = this_task::stop_reason();
        if (this_task::attempt() == 7) throw std::runtime_error("while being restarted");
      },
      {.on_exception = OnException::Retry, .backoff = {.initial = 1s, .jitter = Jitter::None}, .shutdown_hook = [&] {
         ++hooks;
       }});
  world.advance(31s);
  ASSERT_EQ(task.snapshot().attempt, 6u);
  EXPECT_EQ(task.restart(), RestartResult::Started);
  world.run_until_idle();
  EXPECT_EQ(reason, StopReason::Restart);
  EXPECT_EQ(task.snapshot().attempt, 7u);
  EXPECT_EQ(task.restart(), RestartResult::Started);
  world.run_until_idle();
  EXPECT_EQ(task.snapshot().attempt, 8u);
  EXPECT_EQ(task.snapshot().failed, 5u);  // what it threw meanwhile is none
  EXPECT_EQ(hooks, 0);
  s.shutdown();
  EXPECT_EQ(hooks, 1);
}

ENGIN_SCENARIO(HandleTest, StopReturnsWhenItsOwnStopIsOverAlsoIfARestartFollows) {
  rules.by_hand = true;
  Supervisor& s = started();
  const TaskHandle task = s.supervise(slow_to_stop(3s), {.name = "t"});
  s.supervise(
      [task]() -> Co<> {
        (void)co_await sleep_for(1s);
        EXPECT_EQ(task.restart(), RestartResult::WhenEnded);
      },
      {.name = "other"});
  world.run_until_idle();
  const TimePoint begun = world.now();
  EXPECT_EQ(task.stop(), StopResult::Stopped);
  EXPECT_EQ(world.now() - begun, 3s);
  world.run_until_idle();
  EXPECT_EQ(task.state(), TaskState::Waiting);
  EXPECT_EQ(task.snapshot().attempt, 2u);
  s.shutdown();
}

ENGIN_SCENARIO(HandleTest, TheLastCallWins) {
  rules.by_hand = true;
  Supervisor& s = started();
  int attempts = 0, hooks = 0;
  const TaskHandle task = s.supervise(
      [&](std::stop_token) -> Co<> {
        ++attempts;
        while (co_await sleep_for(1h)) {
        }
        (void)co_await sleep_for(1s, ignore_stop);
      },
      {.shutdown_hook = [&] { ++hooks; }});
  world.run_until_idle();

  task.request_stop();
  EXPECT_EQ(task.restart(), RestartResult::WhenEnded);
  world.advance(1min);
  EXPECT_EQ(attempts, 2);  // brought back
  EXPECT_EQ(task.state(), TaskState::Waiting);

  EXPECT_EQ(task.restart(), RestartResult::Started);
  task.request_stop();
  world.advance(1min);
  EXPECT_EQ(attempts, 2);  // cancelled
  EXPECT_EQ(task.state(), TaskState::Stopped);

  EXPECT_EQ(task.restart(), RestartResult::Started);
  task.request_stop();
  EXPECT_EQ(task.restart(), RestartResult::WhenEnded);
  task.request_stop();
  world.advance(1min);
  EXPECT_EQ(task.state(), TaskState::Stopped);
  const int before = attempts;
  world.advance(1h);
  EXPECT_EQ(attempts, before);
  s.shutdown();
}

ENGIN_SCENARIO(HandleTest, StopOfATaskThatDoesNotEndTimesOutAndGoesOn) {
  Supervisor& s = started();
  const TaskHandle task = s.supervise(slow_to_stop(5s), {.stop_timeout = 2s});
  world.run_until_idle();
  TimePoint before = world.now();
  EXPECT_EQ(task.stop(1s), StopResult::TimedOut);
  EXPECT_EQ(world.now() - before, 1s);
  EXPECT_EQ(task.state(), TaskState::Stopping);
  EXPECT_EQ(task.stop(), StopResult::TimedOut);  // without a time: until it is a straggler
  EXPECT_EQ(world.now() - before, 2s);
  EXPECT_EQ(task.state(), TaskState::Straggling);
  EXPECT_EQ(task.stop(1h), StopResult::Stopped);
  EXPECT_EQ(world.now() - before, 5s);
  EXPECT_EQ(task.snapshot().last_stop_latency, std::optional<Duration>(5s));
  EXPECT_TRUE(s.shutdown().clean());
}

ENGIN_SCENARIO(HandleTest, RestartInBackoffIsDueNowAndNotCounted) {
  rules.by_hand = true;
  Supervisor& s = started();
  const TaskHandle task =
      s.supervise(throws(), {.on_exception = OnException::Retry,
                             .backoff = Backoff::constant(1min),
                             .restart_limit = {.max_restarts = 2, .window = 1h, .then = OnLimit::GiveUp}});
  world.run_until_idle();
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(task.state(), TaskState::Backoff);
    EXPECT_EQ(task.restart(), RestartResult::Started);
    world.run_until_idle();
  }
  EXPECT_EQ(task.snapshot().attempt, 11u);
  s.shutdown();
}

ENGIN_SCENARIO(HandleTest, NoDeadlineIsLeftOfABackoffThatRestartEnded) {
  rules.by_hand = true;
  Supervisor& s = started();
  const TaskHandle task = s.supervise(
      [] {
        if (this_task::attempt() == 1) throw std::runtime_error("once");
      },
      {.on_exception = OnException::Retry, .backoff = Backoff::constant(1h)});
  world.run_until_idle();
  EXPECT_TRUE(world.next_deadline().has_value());
  EXPECT_EQ(task.restart(), RestartResult::Started);
  world.run_until_idle();
  EXPECT_EQ(task.state(), TaskState::Completed);
  EXPECT_FALSE(world.next_deadline().has_value());
  s.shutdown();
}

ENGIN_SCENARIO(HandleTest, TheReasonThatAHookSeesIsThatOfItsOwnStop) {
  Supervisor& s = started();
  StopReason in_body = StopReason::None, in_hook = StopReason::None;
  const TaskHandle task = hooked(s.supervise(
      [&](std::stop_token) -> Co<> {
        while (co_await sleep_for(1h)) {
        }
        in_body = this_task::stop_reason();
      },
      {.on_exception = OnException::Retry,
       .backoff = Backoff::constant(1min),
       .shutdown_hook = [&] { in_hook = this_task::stop_reason(); },
       .heartbeat_timeout = 1s,
       .on_unresponsive = OnUnresponsive::Fail}));
  world.advance(2s);
  EXPECT_EQ(task.state(), TaskState::Backoff);
  EXPECT_EQ(in_body, StopReason::Unresponsive);
  s.shutdown();
  EXPECT_EQ(in_hook, StopReason::Shutdown);
}

}  // namespace
}  // namespace engin
