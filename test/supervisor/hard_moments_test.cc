// Bad input and hard moments: a typed error that names the culprit, and nothing changed.
#include <chrono>
#include <functional>
#include <memory>
#include <new>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/functional/any_invocable.h"
#include "engin/supervisor.h"
#include "test/support/scenario.h"

namespace engin {
namespace {

using namespace std::chrono_literals;
using namespace engin::test;
using ::testing::HasSubstr;

/// What `f` throws as InvalidOptions: "field | text".
template <class F>
std::string refused(F f) {
  try {
    f();
  } catch (const InvalidOptions& e) {
    return e.field() + " | " + e.what();
  } catch (const std::exception& e) {
    return std::string("another exception: ") + e.what();
  }
  return "accepted";
}

ENGIN_SCENARIO(BadInputTest, IsRefusedByTaskAndFieldAndChangesNothing) {
  Supervisor& s = started();
  const auto with = [&](TaskOptions options) {
    options.name = "culprit";
    return refused([&] { s.supervise([] {}, options); });
  };
  const auto names = [](const char* field) {
    return ::testing::AllOf(::testing::StartsWith(std::string(field) + " | "), HasSubstr("culprit"));
  };
  EXPECT_THAT(with({.backoff = {.initial = -1ms}}), names("backoff.initial"));
  EXPECT_THAT(with({.backoff = {.initial = 2s, .max = 1s}}), names("backoff.initial"));
  EXPECT_THAT(with({.backoff = {.multiplier = 0.5}}), names("backoff.multiplier"));
  EXPECT_THAT(with({.backoff = {.max = -1s}}), names("backoff.max"));
  EXPECT_THAT(with({.backoff = {.reset_after = -1s}}), names("backoff.reset_after"));
  EXPECT_THAT(with({.hook_timeout = -1s}), names("hook_timeout"));
  EXPECT_THAT(with({.stop_timeout = -1s}), names("stop_timeout"));
  EXPECT_THAT(with({.heartbeat_timeout = -1s}), names("heartbeat_timeout"));
  EXPECT_THAT(with({.restart_limit = {.max_restarts = 100, .window = 1s}}), names("restart_limit.max_restarts"));
  EXPECT_THAT(with({.restart_limit = {.max_restarts = 1, .then = OnLimit::CoolDown(-1s)}}),
              HasSubstr("restart_limit.then"));

  const auto named = [&](std::string name) { return refused([&] { s.supervise([] {}, {.name = name}); }); };
  EXPECT_THAT(named("a#b"), HasSubstr("name |"));
  EXPECT_THAT(named("a\nb"), HasSubstr("name |"));
  EXPECT_THAT(named(std::string("a\0b", 3)), HasSubstr("name |"));
  EXPECT_THAT(named(std::string(129, 'x')), HasSubstr("name |"));

  EXPECT_THAT(refused([&] { s.supervise(std::function<void()>(), {.name = "culprit"}); }), names("callable"));
  EXPECT_THAT(refused([&] { s.supervise(absl::AnyInvocable<void()>(), {.name = "culprit"}); }), names("callable"));
  EXPECT_THAT(refused([&] { s.supervise(static_cast<void (*)()>(nullptr), {.name = "culprit"}); }), names("callable"));
  EXPECT_THAT(refused([&] { s.supervise(every(0s, [] {}), {.name = "culprit"}); }), names("every.period"));
  EXPECT_THAT(refused([&] { s.supervise(every(-1s, [] {}), {.name = "culprit"}); }), names("every.period"));
  EXPECT_THAT(refused([&] { s.supervise(every(1s, [] {}, {.jitter = -1s}), {.name = "culprit"}); }),
              names("every.jitter"));
  EXPECT_THAT(refused([&] { s.supervise(every(1s, [] {}, {.first = -1s}), {.name = "culprit"}); }),
              names("every.first"));

  EXPECT_TRUE(log().empty());
  EXPECT_EQ(s.snapshot().total_tasks, 0u);
  EXPECT_EQ(s.supervise([] {}, {.name = "culprit"}).id(), 1u);  // the name is free, no id was used up
  s.shutdown();
}

ENGIN_SCENARIO(BadInputTest, LongestNameIsAccepted) {
  Supervisor& s = started();
  const TaskHandle task = s.supervise(until_stopped(), {.name = std::string(128, 'x')});
  EXPECT_EQ(task.name().size(), 128u);
  s.shutdown();
}

ENGIN_SCENARIO(BadInputTest, ADuplicateNameIsRefusedAndTheFirstTaskGoesOn) {
  Supervisor& s = started();
  const TaskHandle first = s.supervise(until_stopped(), {.name = "uplink"});
  try {
    s.supervise([] {}, {.name = "uplink"});
    FAIL() << "accepted";
  } catch (const DuplicateName& e) {
    EXPECT_THAT(e.what(), HasSubstr("uplink"));
    EXPECT_EQ(e.field(), "name");
  }
  world.run_until_idle();
  EXPECT_EQ(first.state(), TaskState::Waiting);
  EXPECT_EQ(s.snapshot().tasks.size(), 1u);
  EXPECT_EQ(first.stop(), StopResult::Stopped);
  EXPECT_THROW(s.supervise([] {}, {.name = "uplink"}), DuplicateName);  // it is still present
  EXPECT_TRUE(first.remove());
  EXPECT_NO_THROW(s.supervise([] {}, {.name = "uplink"}));
  s.shutdown();
}

ENGIN_SCENARIO(BadInputTest, BadSupervisorOptionsAreRefusedByField) {
  const auto with = [&](SupervisorOptions options) { return refused([&] { const Supervisor s(std::move(options)); }); };
  EXPECT_THAT(with({.runners = 0, .runtime = world}), HasSubstr("runners |"));
  EXPECT_THAT(with({.max_runners = 0, .runtime = world}), HasSubstr("max_runners |"));
  EXPECT_THAT(with({.runners = 8, .max_runners = 4, .runtime = world}), HasSubstr("runners |"));
  EXPECT_THAT(with({.shutdown_timeout = -1s, .runtime = world}), HasSubstr("shutdown_timeout |"));
  EXPECT_THAT(with({.observers = {nullptr}, .runtime = world}), HasSubstr("observers"));
  EXPECT_THAT(with({.defaults = {.stop_timeout = -1s}, .runtime = world}), HasSubstr("defaults.stop_timeout |"));
  make();
  supervisor().shutdown();
}

ENGIN_SCENARIO(HardMomentTest, StartingTwiceIsRefused) {
  Supervisor& s = started();
  const TaskHandle task = s.supervise(until_stopped());
  EXPECT_THROW(s.start(), AlreadyStarted);
  world.run_until_idle();
  EXPECT_EQ(task.snapshot().attempt, 1u);
  s.shutdown();
  EXPECT_THROW(s.start(), AlreadyStarted);
}

ENGIN_SCENARIO(HardMomentTest, WaitingBeforeStartIsRefused) {
  Supervisor& s = make();
  EXPECT_THROW(s.wait(), NotStarted);
  EXPECT_THROW((void)s.wait_for(1s), NotStarted);
  s.start();
  EXPECT_EQ(s.wait_for(1s), nullptr);
  s.shutdown();
}

ENGIN_SCENARIO(HardMomentTest, SupervisingAfterShutdownBeganIsRefusedAndKeepsNothing) {
  Supervisor& s = make();
  auto kept = std::make_shared<int>(1);
  const std::weak_ptr<int> gone = kept;
  bool refused_meanwhile = false;
  s.supervise(slow_to_stop(1s), {.shutdown_hook = [&] {
                try {
                  s.supervise([kept] { (void)kept; }, {.name = "late"});
                } catch (const SupervisorStopping&) {
                  refused_meanwhile = true;
                }
              }});
  s.start();
  world.run_until_idle();
  s.request_shutdown();
  EXPECT_THROW(s.supervise([kept] { (void)kept; }), SupervisorStopping);
  s.wait();
  EXPECT_TRUE(refused_meanwhile);
  EXPECT_THROW(s.supervise([k = std::move(kept)] { (void)k; }), SupervisorStopping);
  EXPECT_EQ(s.snapshot().total_tasks, 1u);
  EXPECT_EQ(count(EventKind::Registered), 1u);
  finish();
  kept.reset();
  EXPECT_TRUE(gone.expired());
}

struct ThrowsWhenMoved {
  explicit ThrowsWhenMoved(int moves) : left(moves) {}
  ThrowsWhenMoved(ThrowsWhenMoved&& other) : left(other.left - 1) {
    if (left < 0) throw std::runtime_error("moved once too often");
  }
  ThrowsWhenMoved(const ThrowsWhenMoved& other) : left(other.left) { throw std::bad_alloc(); }
  void operator()() const {}
  int left;
};

ENGIN_SCENARIO(HardMomentTest, ACallableThatThrowsWhenMovedOrCopiedLeavesTheSupervisorAsItWas) {
  Supervisor& s = started();
  for (int moves = 0; moves < 2; ++moves) {
    EXPECT_THROW(s.supervise(ThrowsWhenMoved(moves), {.name = "t"}), std::runtime_error) << moves;
  }
  const ThrowsWhenMoved constant(9);
  EXPECT_THROW(s.supervise(constant, {.name = "t"}), std::bad_alloc);
  EXPECT_EQ(s.snapshot().total_tasks, 0u);
  EXPECT_TRUE(log().empty());
  EXPECT_EQ(s.supervise(ThrowsWhenMoved(9), {.name = "t"}).id(), 1u);
  EXPECT_TRUE(s.shutdown().clean());
}

ENGIN_SCENARIO(HardMomentTest, RequestsOfShutdownFromEverywhereAreOneShutdownWithTheFirstReason) {
  Supervisor* at = nullptr;
  class Requests : public Observer {
   public:
    explicit Requests(Supervisor*& s) : s_(s) {}
    void on_event(const Event& e) override {
      if (e.kind == EventKind::StopRequested) s_->request_shutdown("by an observer");
    }
    Supervisor*& s_;
  };
  Supervisor& s = make({.observers = {std::make_shared<Requests>(at)}});
  at = &s;
  for (int i = 0; i < 10; ++i) {
    hooked(s.supervise(
        [&s]() -> Co<> {
          s.request_shutdown("by a task");
          s.request_shutdown("by a task again");
          while (co_await sleep_for(1h)) {
          }
          s.request_shutdown("at the end");
        },
        {.shutdown_hook = [&s] { s.request_shutdown("by a hook"); }}));
  }
  s.start();
  const ShutdownReport& report = s.wait();
  EXPECT_EQ(report.cause.kind, ShutdownCause::Kind::Requested);
  EXPECT_EQ(report.cause.reason, "by a task");
  EXPECT_EQ(count(EventKind::ShutdownBegan), 1u);
  EXPECT_EQ(count(EventKind::ShutdownEnded), 1u);
  EXPECT_TRUE(report.clean());
}

ENGIN_SCENARIO(HardMomentTest, ARequestBeforeStartMakesStartStartNothing) {
  Supervisor& s = make();
  bool ran = false;
  const TaskHandle task = s.supervise([&] { ran = true; });
  s.request_shutdown("never mind");
  EXPECT_THROW(s.supervise([] {}), SupervisorStopping);
  EXPECT_EQ(s.run(), 0);
  EXPECT_FALSE(ran);
  EXPECT_EQ(task.state(), TaskState::Stopped);
  EXPECT_EQ(s.wait().cause.reason, "never mind");
}

ENGIN_SCENARIO(HardMomentTest, WaitingInsideATaskAHookOrAnObserverIsRefusedByName) {
  Supervisor* at = nullptr;
  std::vector<std::string> texts;
  const auto try_all = [&](const char* where) {
    const auto attempt = [&](auto f) {
      try {
        f();
        texts.push_back(std::string(where) + " waited");
      } catch (const WouldDeadlock& e) {
        texts.push_back(e.what());
      }
    };
    attempt([&] { at->wait(); });
    attempt([&] { (void)at->wait_for(1s); });
    attempt([&] { at->shutdown(); });
    attempt([&] { at->wait_all(); });
  };
  class Waits : public Observer {
   public:
    explicit Waits(std::function<void()> f) : f_(std::move(f)) {}
    void on_event(const Event& e) override {
      if (e.kind == EventKind::AttemptStarted) f_();
    }
    std::function<void()> f_;
  };
  std::size_t in_observer = 0;
  Supervisor& s = make({.observers = {std::make_shared<Waits>([&] {
                          const std::size_t before = texts.size();
                          try_all("observer");
                          in_observer = texts.size() - before;
                        })}});
  at = &s;
  hooked(s.supervise(
      [&]() -> Co<> {
        try_all("task");
        auto f = [&] { try_all("blocking"); };
        co_await blocking(f);
        while (co_await sleep_for(1h)) {
        }
      },
      {.name = "culprit", .shutdown_hook = [&] { try_all("hook"); }}));
  s.start();
  world.run_until_idle();
  EXPECT_FALSE(s.shutdown_cause()) << "a refused shutdown() began one";
  s.shutdown();
  EXPECT_EQ(in_observer, 4u);
  ASSERT_EQ(texts.size(), 16u);
  for (const std::string& text : texts) EXPECT_THAT(text, HasSubstr("culprit"));
}

ENGIN_SCENARIO(HardMomentTest, AStopCallbackMayCallAnythingThatDoesNotWait) {
  Supervisor& s = make();
  TaskHandle self;
  int called = 0;
  const TaskHandle other = s.supervise(until_stopped());
  self = s.supervise(
      [&](std::stop_token stop) {
        const std::stop_callback callback(stop, [&] {
          ++called;
          EXPECT_THROW(s.shutdown(), WouldDeadlock);
          EXPECT_THROW(self.wait(), WouldDeadlock);
          EXPECT_THROW(self.stop(1s), WouldDeadlock);
          self.request_stop();
          (void)s.snapshot();
          EXPECT_EQ(this_task::stop_reason(), StopReason::Requested);
          s.supervise([&] { ++called; });
          other.request_stop();
          s.request_shutdown("by a stop callback");
        });
        while (this_task::sleep_for(1h)) {
        }
      },
      {.name = "t"});
  s.start();
  world.run_until_idle();
  self.request_stop();
  EXPECT_EQ(s.wait().cause.reason, "by a stop callback");
  EXPECT_GE(called, 1);
  EXPECT_EQ(other.wait(), Outcome::Stopped);
}

ENGIN_SCENARIO(HardMomentTest, AHandlesWaitInItsOwnTaskIsRefusedAndInAnotherWorks) {
  Supervisor& s = make();
  TaskHandle self;
  std::vector<std::string> texts;
  self = s.supervise(
      [&] {
        const auto attempt = [&](auto f) {
          try {
            f();
            texts.push_back("waited");
          } catch (const WouldDeadlock& e) {
            texts.push_back(e.what());
          }
        };
        attempt([&] { self.wait(); });
        attempt([&] { (void)self.wait_for(1s); });
        attempt([&] { self.stop(1s); });
        attempt([&] { self.stop(); });
        attempt([&] { self.wait_ready(1s); });
      },
      {.name = "culprit"});
  const TaskHandle victim = s.supervise(until_stopped());
  s.start();
  EXPECT_EQ(self.wait(), Outcome::Completed);
  ASSERT_EQ(texts.size(), 5u);
  for (const std::string& text : texts) EXPECT_THAT(text, HasSubstr("culprit"));
  StopResult stopped = StopResult::TimedOut;
  const TaskHandle killer = s.supervise([&] { stopped = victim.stop(1s); });
  EXPECT_EQ(killer.wait(), Outcome::Completed);
  EXPECT_EQ(stopped, StopResult::Stopped);
  s.shutdown();
}

ENGIN_SCENARIO(HardMomentTest, TheDestructorWithoutShutdownIsAnOrderlyStop) {
  bool hook = false, ended = false;
  {
    Supervisor& s = started();
    hooked(s.supervise(
        [&]() -> Co<> {
          while (co_await sleep_for(1h)) {
          }
          EXPECT_TRUE(hook);
          ended = true;
        },
        {.shutdown_hook = [&] { hook = true; }}));
    world.run_until_idle();
    finish();
  }
  EXPECT_TRUE(ended);
  EXPECT_EQ(count(EventKind::ShutdownEnded), 1u);
}

/// Calls back into its supervisor when it is destroyed.
class Meddler {
 public:
  Meddler(Supervisor& s, int& destroyed) : s_(&s), destroyed_(&destroyed) {}
  Meddler(Meddler&& other) noexcept : s_(std::exchange(other.s_, nullptr)), destroyed_(other.destroyed_) {}
  ~Meddler() {
    if (s_ == nullptr) return;
    ++*destroyed_;
    (void)s_->snapshot();
    std::ostringstream out;
    s_->dump(out);
    try {
      s_->supervise([] {});
    } catch (const SupervisorStopping&) {
    }
    s_->request_shutdown("meddler");
  }
  void touch() const {}

 private:
  Supervisor* s_;
  int* destroyed_;
};

ENGIN_SCENARIO(HardMomentTest, ACallableWhoseDestructorCallsBackIsDroppedOnEveryPath) {
  enum Path { Ended, Removed, HandleDropped, StoppedThenRemoved, Shutdown, NeverStarted, Refused, Failed, Paths };
  for (int path = 0; path < Paths; ++path) {
    SCOPED_TRACE("path " + std::to_string(path));
    testing::VirtualRuntime own(seed);
    int destroyed = 0;
    {
      Supervisor s({.default_observer = false, .runtime = own});
      const auto ends = [&](int how) {
        return [m = Meddler(s, destroyed), how]() {
          m.touch();
          if (how == Failed) throw std::runtime_error("broken");
        };
      };
      const auto waits = [&] {
        return [m = Meddler(s, destroyed)] {
          m.touch();
          while (this_task::sleep_for(1h)) {
          }
        };
      };
      if (path != NeverStarted) s.start();
      switch (path) {
        case Ended:
        case Failed:
          s.supervise(ends(path), {.on_exception = OnException::Ignore});
          own.run_until_idle();
          break;
        case Removed: {
          const TaskHandle task = s.supervise(ends(path));
          task.wait();
          EXPECT_EQ(destroyed, 0);
          EXPECT_TRUE(task.remove());
          own.run_until_idle();
          break;
        }
        case HandleDropped: {
          TaskHandle task = s.supervise(ends(path));
          task.wait();
          task = TaskHandle();
          own.run_until_idle();
          break;
        }
        case StoppedThenRemoved: {
          const TaskHandle task = s.supervise(waits());
          own.run_until_idle();
          task.stop();
          EXPECT_TRUE(task.remove());
          own.run_until_idle();
          break;
        }
        case NeverStarted:
        case Shutdown:
          s.supervise(waits());
          own.run_until_idle();
          break;
        case Refused:
          s.request_shutdown();
          EXPECT_THROW(s.supervise(waits()), SupervisorStopping);
          break;
      }
      if (path != NeverStarted && path != Shutdown) {
        EXPECT_EQ(destroyed, 1);
        EXPECT_TRUE(s.shutdown_cause().has_value());
      }
      s.shutdown();
    }
    EXPECT_EQ(destroyed, 1);
  }
  make().shutdown();
}

}  // namespace
}  // namespace engin
