// What virtual time cannot show: shutdown, and what hangs in it, on real threads.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engin/supervisor.h"
#include "test/supervisor/threads_kit.h"

namespace engin {
namespace {

using namespace std::chrono_literals;

TEST_F(ThreadsTest, RequestsOfShutdownFromTenThreadsAreOneShutdown) {
  Supervisor s(options());
  for (int i = 0; i < 4; ++i) s.supervise(sleeps_until_stopped());
  s.start();
  std::latch together(10);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 10; ++i) {
    threads.emplace_back([&, i] {
      together.arrive_and_wait();
      s.request_shutdown("thread " + std::to_string(i));
    });
  }
  const ShutdownReport* report = s.wait_for(Patience);
  ASSERT_NE(report, nullptr);
  EXPECT_TRUE(report->clean());
  EXPECT_THAT(report->cause.reason, ::testing::StartsWith("thread "));
  EXPECT_EQ(recorder->count(EventKind::ShutdownBegan), 1u);
  EXPECT_EQ(recorder->count(EventKind::ShutdownEnded), 1u);
}

TEST_F(ThreadsTest, TheDestructorWithoutShutdownIsAnOrderlyStop) {
  std::atomic<bool> hook = false, ended = false;
  {
    Supervisor s(options());
    Gate runs;
    s.supervise(
        [&] {
          runs.open();
          while (this_task::sleep_for(1h)) {
          }
          EXPECT_TRUE(hook);
          ended = true;
        },
        {.shutdown_hook = [&] { hook = true; }});
    s.start();
    ASSERT_TRUE(runs.wait());
  }
  EXPECT_TRUE(ended);
}

/// Threads of this process whose names begin so.
int threads_named(const std::string& begin) {
  int n = 0;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(thread.path() / "comm"), name);
    n += name.rfind(begin, 0) == 0 ? 1 : 0;
  }
  return n;
}

TEST_F(ThreadsTest, TheDestructorLeavesNoThreadBehind) {
  // A thread gives itself its name, and one that was joined may be listed for a moment.
  const auto comes_to = [](bool (*enough)(int)) {
    const auto end = std::chrono::steady_clock::now() + Patience;
    while (!enough(threads_named("leaves/")) && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    return enough(threads_named("leaves/"));
  };
  {
    Supervisor s({.name = "leaves", .runners = 2, .default_observer = false});
    s.supervise(sleeps_until_stopped());
    s.start();
    EXPECT_TRUE(comes_to([](int n) { return n >= 5; })) << "two runners, control, monitor, timer";
  }
  EXPECT_TRUE(comes_to([](int n) { return n == 0; }));
}

TEST_F(ThreadsTest, ASupervisorThatNeverStartedIsShutDownByWhoeverAsks) {
  std::atomic<int> destroyed = 0;
  for (const bool by_destructor : {false, true}) {
    Supervisor s(options());
    const auto last = std::shared_ptr<void>(nullptr, [&](void*) { ++destroyed; });
    const TaskHandle task = s.supervise([last] {}, {.name = by_destructor ? "b" : "a"});
    EXPECT_THROW(s.wait(), NotStarted);
    if (by_destructor) continue;
    const ShutdownReport& report = s.shutdown();
    EXPECT_TRUE(report.clean());
    EXPECT_EQ(task.wait_for(Patience), Outcome::Stopped);
    recorder->clear();
  }
  EXPECT_EQ(destroyed, 2);
  EXPECT_EQ(recorder->count(EventKind::AttemptStarted), 0u);
}

TEST_F(ThreadsTest, ASupervisorThatNeverStartedIsShutDownByItsDeadlineWhateverHangs) {
  Gate release;
  Supervisor s({.shutdown_timeout = 200ms, .observers = {recorder}, .default_observer = false});
  s.supervise([last = std::shared_ptr<void>(nullptr, [&](void*) { release.wait(); })] {}, {.name = "hangs"});
  const auto begun = std::chrono::steady_clock::now();
  const ShutdownReport& report = s.shutdown();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, Patience / 2);
  ASSERT_EQ(report.stragglers.size(), 1u);
  EXPECT_EQ(report.stragglers[0].name, "hangs");
  EXPECT_EQ(report.stragglers[0].what, "destructor");
  release.open();
  rules.deadline_came = true;
}

TEST_F(ThreadsTest, AStopCallbackMayWantALockThatItsCallerHolds) {
  Supervisor s(options());
  std::mutex mutex;
  std::latch ready(2);
  const auto body = [&](std::stop_token stop) {
    const std::stop_callback callback(stop, [&] { const std::lock_guard lock(mutex); });
    ready.count_down();
    while (this_task::sleep_for(1h)) {
    }
  };
  const TaskHandle one = s.supervise(body), other = s.supervise(body);
  s.start();
  const auto until = std::chrono::steady_clock::now() + Patience;
  while (!ready.try_wait() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  {
    const std::lock_guard lock(mutex);
    one.request_stop();
    s.request_shutdown();
  }
  const ShutdownReport* report = s.wait_for(Patience);
  ASSERT_NE(report, nullptr);
  EXPECT_TRUE(report->clean());
}

TEST_F(ThreadsTest, AnAbandonedStragglerEndsAfterTheSupervisorIsGone) {
  const auto release = std::make_shared<Gate>();
  const auto over = std::make_shared<Gate>();
  TaskHandle task;
  {
    SupervisorOptions o = options();
    o.shutdown_timeout = 200ms;
    o.on_straggler = OnStraggler::Abandon;
    Supervisor s(o);
    Gate runs;
    task = s.supervise(
        [release, over, &runs] {
          runs.open();
          release->wait();
          over->open();
        },
        {.name = "stuck"});
    s.start();
    ASSERT_TRUE(runs.wait());
    const ShutdownReport& report = s.shutdown();
    EXPECT_THAT(straggling_tasks(report), ::testing::ElementsAre("stuck")) << report;
    EXPECT_EQ(report.stragglers.at(0).what, "body");
    EXPECT_EQ(report.exit_code(), 2);
  }
  EXPECT_FALSE(is_ended(task.state()));
  EXPECT_EQ(task.restart(), RestartResult::Refused);
  release->open();
  EXPECT_TRUE(over->wait());
  EXPECT_EQ(task.wait_for(Patience), Outcome::Stopped);
  rules.deadline_came = true;
}

/// Keeps the control runner where it is told to, and looks whether the supervisor's own events come one at a time.
class OneAtATime final : public Observer {
 public:
  void on_event(const Event& e) override {
    if (e.kind == EventKind::RestartScheduled) rests.open();
    if (e.kind == EventKind::Stopped && e.attempt == 1) {
      in_first.open();
      leave_first.wait();
    }
    if (e.task != 0) return;
    if (inside_.exchange(true)) overlap = true;
    if (e.kind == EventKind::RunnerAdded && hold) leave_second.wait();
    inside_ = false;
  }
  Gate rests, in_first, leave_first, leave_second;
  std::atomic<bool> hold{false};
  std::atomic<bool> overlap{false};

 private:
  std::atomic<bool> inside_{false};
};

/// Deaf to its stop. Blocks when it is woken, and in between tells what the control runner has not told of it.
struct Deaf {
  Co<> run(bool blocks_first) {
    runs.open();
    (void)co_await go[0].wait_for(Patience, ignore_stop);
    if (blocks_first) co_await blocking([this] { block(0); });
    (void)co_await go[1].wait_for(Patience, ignore_stop);
    this_task::ready();
    told.open();
    (void)co_await go[2].wait_for(Patience, ignore_stop);
    co_await blocking([this] { block(1); });
  }
  void block(int time) {
    blocks[time].open();
    unblock[time].wait();
  }
  Wakeup go[3];
  Gate runs, blocks[2], unblock[2], told;
};

// At the deadline a runner tells what the control runner has not. Here the control runner is just telling something,
// and what ends the shutdown stands in its queue already: all had settled before there was something to tell.
TEST_F(ThreadsTest, TheSupervisorsOwnEventsAreToldOneAtATimeAtTheDeadlineToo) {
  constexpr int Early = 4;
  struct TellsItsEnd {
    explicit TellsItsEnd(Gate& g) : gate(&g) {}
    ~TellsItsEnd() { gate->open(); }
    Gate* gate;
  };
  const auto observer = std::make_shared<OneAtATime>();
  std::vector<Deaf> deaf(2 * Early);
  Gate token_fires, token_returns, all_are_told;
  Supervisor s({.runners = 1, .shutdown_timeout = 2s, .observers = {observer}, .default_observer = false});
  const std::stop_callback callback(s.stop_token(), [&] {
    token_fires.open();
    token_returns.wait();
  });
  s.start();
  const TaskHandle rests = s.supervise([] { throw std::runtime_error("rests"); },
                                       {.on_exception = OnException::Retry, .backoff = Backoff::constant(1h)});
  std::vector<TaskHandle> tasks;
  for (int i = 0; i < 2 * Early; ++i) {
    tasks.push_back(
        s.supervise([&d = deaf[static_cast<std::size_t>(i)], i] { return d.run(i < Early); }, {.stop_timeout = 0s}));
  }
  const TaskHandle last = s.supervise([end = std::make_unique<TellsItsEnd>(all_are_told)] {});
  ASSERT_TRUE(observer->rests.wait());
  for (Deaf& d : deaf) ASSERT_TRUE(d.runs.wait());
  ASSERT_TRUE(last.wait_for(Patience));

  // The control runner is held. In its queue are the shutdown's beginning, and then the job that tells of a growth.
  rests.request_stop();
  ASSERT_TRUE(observer->in_first.wait());
  s.request_shutdown();
  for (Deaf& d : deaf) d.go[0].notify();
  for (int i = 0; i < Early; ++i) ASSERT_TRUE(deaf[static_cast<std::size_t>(i)].blocks[0].wait());
  for (Deaf& d : deaf) d.unblock[0].open();

  // The former tells of the growth as well, and is held: everybody is told to stop without it, and straggles.
  observer->leave_first.open();
  ASSERT_TRUE(token_fires.wait());
  ASSERT_TRUE(all_are_told.wait());
  for (const TaskHandle& task : tasks) EXPECT_EQ(task.stop(), StopResult::TimedOut);
  for (Deaf& d : deaf) d.go[1].notify();
  for (Deaf& d : deaf) ASSERT_TRUE(d.told.wait());

  // All have settled. Now there is something to tell again.
  observer->hold = true;
  for (Deaf& d : deaf) d.go[2].notify();
  for (Deaf& d : deaf) ASSERT_TRUE(d.blocks[1].wait());
  token_returns.open();
  EXPECT_FALSE(s.wait().clean());  // where a loaded machine came here too late there is nothing to see
  EXPECT_FALSE(observer->overlap);
  observer->leave_second.open();
  for (Deaf& d : deaf) d.unblock[1].open();
}

TEST_F(ThreadsTest, AnAbandonedObserverOfASupervisorWithoutTasksIsTheLastToGo) {
  class Blocks final : public Observer {
   public:
    Blocks(std::shared_ptr<Gate> entered, std::shared_ptr<Gate> release, std::shared_ptr<Gate> gone)
        : entered_(std::move(entered)), release_(std::move(release)), gone_(std::move(gone)) {}
    ~Blocks() override { gone_->open(); }
    void on_event(const Event& e) override {
      if (e.kind != EventKind::ShutdownBegan) return;
      entered_->open();
      release_->wait();
    }

   private:
    const std::shared_ptr<Gate> entered_, release_, gone_;
  };
  const auto entered = std::make_shared<Gate>();
  const auto release = std::make_shared<Gate>();
  const auto gone = std::make_shared<Gate>();
  {
    Supervisor s({.shutdown_timeout = 1s,
                  .on_straggler = OnStraggler::Abandon,
                  .observers = {std::make_shared<Blocks>(entered, release, gone)},
                  .default_observer = false});
    s.start();
    s.request_shutdown();
    EXPECT_TRUE(entered->wait());  // one that a loaded machine calls too late is not named
    const ShutdownReport& report = s.shutdown();
    ASSERT_EQ(report.stragglers.size(), 1u);
    EXPECT_EQ(report.stragglers[0].what, "observer");
  }
  release->open();
  EXPECT_TRUE(gone->wait());
}

TEST_F(ThreadsTest, TwoShutdownsAndTheDestructorAreOneShutdown) {
  for (int round = 0; round < 20; ++round) {
    auto s = std::make_unique<Supervisor>(SupervisorOptions{.default_observer = false});
    for (int i = 0; i < 3; ++i) s->supervise(sleeps_until_stopped());
    s->start();
    std::latch together(3);
    const auto shut_down = [&] {
      together.arrive_and_wait();
      const ShutdownReport& report = s->shutdown();
      EXPECT_TRUE(report.clean());
      return &report;
    };
    auto first = std::async(std::launch::async, shut_down);
    auto second = std::async(std::launch::async, shut_down);
    together.arrive_and_wait();
    if (round % 2 == 0) s->request_shutdown();
    EXPECT_EQ(first.get(), second.get());
    s.reset();
  }
}

TEST_F(ThreadsTest, AnObserverThatBlocksForEverDoesNotKeepShutdownFromReturning) {
  class Blocks : public Observer {
   public:
    explicit Blocks(Gate& release) : release_(release) {}
    void on_event(const Event& e) override {
      if (e.kind != EventKind::StopRequested && e.kind != EventKind::ShutdownBegan) return;
      entered.open();
      release_.wait();
    }
    Gate entered;
    Gate& release_;
  };
  Gate release;
  SupervisorOptions o = options();
  const auto observer = std::make_shared<Blocks>(release);
  o.observers.push_back(observer);
  o.shutdown_timeout = 1s;
  Supervisor s(o);
  const TaskHandle task = s.supervise(sleeps_until_stopped());
  s.start();
  const auto begun = std::chrono::steady_clock::now();
  s.request_shutdown();
  EXPECT_TRUE(observer->entered.wait());  // one that a loaded machine calls too late is not named
  const ShutdownReport& report = s.shutdown();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 1s + 5s);
  EXPECT_FALSE(report.clean());
  bool named = false;
  for (const Straggler& straggler : report.stragglers) named = named || straggler.what == "observer";
  EXPECT_TRUE(named);
  release.open();
  rules.deadline_came = true;
}

TEST_F(ThreadsTest, AnObserverThatBlocksInATasksEventDelaysNoOtherTaskAndNoStop) {
  class Blocks : public Observer {
   public:
    explicit Blocks(Gate& release) : release_(release) {}
    void on_event(const Event& e) override {
      if (e.kind == EventKind::Failed) release_.wait();
    }
    Gate& release_;
  };
  Gate release;
  SupervisorOptions o = options();
  o.runners = 1;
  o.observers.push_back(std::make_shared<Blocks>(release));
  Supervisor s(o);
  const TaskHandle held = s.supervise([] { throw std::runtime_error("broken"); },
                                      {.on_exception = OnException::Retry, .backoff = Backoff::immediate()});
  s.start();
  const TaskHandle other = s.supervise([] {});
  EXPECT_EQ(other.wait_for(Patience), Outcome::Completed);
  EXPECT_EQ(held.stop(Patience), StopResult::Stopped);
  EXPECT_EQ(held.snapshot().attempt, 1u);
  release.open();
  s.shutdown();
}

TEST_F(ThreadsTest, ASlowStopCallbackDelaysNoOtherTask) {
  Supervisor s(options());
  Gate release;
  std::latch ready(2);
  const TaskHandle slow = s.supervise(returns_into_its_callback(release, ready), {.name = "slow"});
  const TaskHandle quick = s.supervise(
      [&] {
        ready.count_down();
        while (this_task::sleep_for(1h)) {
        }
      },
      {.name = "quick"});
  s.start();
  const auto until = std::chrono::steady_clock::now() + Patience;
  while (!ready.try_wait() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  s.request_shutdown();
  EXPECT_EQ(quick.wait_for(Patience), Outcome::Stopped);
  EXPECT_FALSE(is_ended(slow.state()));
  release.open();
  EXPECT_EQ(slow.wait_for(Patience), Outcome::Stopped);
  const ShutdownReport* report = s.wait_for(Patience);
  ASSERT_NE(report, nullptr);
  EXPECT_TRUE(report->clean());
}

TEST_F(ThreadsTest, HungHooksTasksAndStopCallbacksEndByTheDeadlineAndExactlyTheyAreNamed) {
  Gate release;
  SupervisorOptions o = options();
  o.shutdown_timeout = 400ms;
  Supervisor s(o);
  std::latch ready(4);
  const auto body = [&] {
    ready.count_down();
    while (this_task::sleep_for(1h)) {
    }
  };
  s.supervise(body, {.name = "good"});
  s.supervise(body, {.name = "hung hook", .shutdown_hook = [&] { release.wait(); }});
  s.supervise(
      [&] {
        ready.count_down();
        release.wait();
      },
      {.name = "hung body"});
  s.supervise(returns_into_its_callback(release, ready), {.name = "hung callback"});
  s.start();
  const auto until = std::chrono::steady_clock::now() + Patience;
  while (!ready.try_wait() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  const auto begun = std::chrono::steady_clock::now();
  const ShutdownReport& report = s.shutdown();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 400ms + 5s);
  std::vector<std::string> names = straggling_tasks(report);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  EXPECT_THAT(names, ::testing::ElementsAre("hung body", "hung callback", "hung hook")) << report;
  EXPECT_EQ(report.exit_code(), 2);
  release.open();
  rules.deadline_came = true;
}

TEST_F(ThreadsTest, SupervisingFromManyThreadsDuringAShutdownKeepsAllOrNothing) {
  for (int round = 0; round < 10; ++round) {
    std::atomic<int> accepted = 0, destroyed = 0, made = 0;
    struct Counted {
      explicit Counted(std::atomic<int>& m, std::atomic<int>& d) : destroyed(&d) { ++m; }
      Counted(Counted&& other) noexcept : destroyed(std::exchange(other.destroyed, nullptr)) {}
      ~Counted() {
        if (destroyed != nullptr) ++*destroyed;
      }
      std::atomic<int>* destroyed;
    };
    {
      Supervisor s({.default_observer = false});
      s.start();
      std::latch together(5);
      std::vector<std::jthread> threads;
      for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
          together.arrive_and_wait();
          for (int i = 0; i < 50; ++i) {
            try {
              s.supervise([c = Counted(made, destroyed)] { (void)c; });
              ++accepted;
            } catch (const SupervisorStopping&) {
            }
          }
        });
      }
      together.arrive_and_wait();
      s.request_shutdown();
      threads.clear();
      const ShutdownReport& report = s.wait();
      EXPECT_TRUE(report.clean());
      EXPECT_EQ(s.snapshot().total_tasks, static_cast<std::uint64_t>(accepted));
    }
    EXPECT_EQ(made, destroyed);
  }
}

TEST_F(ThreadsTest, TheFailureOfATaskRacingWithShutdownIsEitherTheCauseOrLate) {
  for (int round = 0; round < 50; ++round) {
    Supervisor s({.default_observer = false});
    std::latch together(2);
    s.supervise(
        [&] {
          together.arrive_and_wait();
          throw std::runtime_error("broken");
        },
        {.name = "t"});
    s.start();
    together.arrive_and_wait();
    const ShutdownReport& report = s.shutdown();
    const bool caused = report.cause.kind == ShutdownCause::Kind::TaskFailed;
    const bool stopped = report.find("t") != nullptr && report.find("t")->outcome == Outcome::Stopped;
    EXPECT_EQ(report.exit_code(), caused ? 1 : stopped ? 0 : 2);
    EXPECT_EQ(report.total_failed, stopped ? 0u : 1u);
  }
}

}  // namespace
}  // namespace engin
