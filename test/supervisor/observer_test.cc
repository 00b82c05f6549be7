#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "engin/event.h"
#include "engin/observers.h"
#include "supervisor/default_observer.h"
#include "supervisor/event_printer.h"

namespace engin {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint start{1000s};

Failure refused(std::uint64_t attempt = 7) {
  return Failure(&typeid(std::system_error), "connection refused", nullptr, absl::OkStatus(), start, 1500ms, attempt);
}

Event of_task(EventKind kind, TaskId task = 1, TimePoint time = start) {
  return {.kind = kind, .time = time, .task = task, .task_name = "t" + std::to_string(task), .attempt = 7};
}

Event failure_of(TaskId task, TimePoint time, Duration delay = 0s) {
  Event event = of_task(EventKind::Failed, task, time);
  event.failure = refused();
  event.decision = Decision::Restart;
  event.delay = delay;
  return event;
}

std::string line_of(const Event& event) {
  std::ostringstream out;
  out << event;
  return out.str();
}

TEST(EventTest, IsALineForAPerson) {
  const auto with = [](EventKind kind, auto change) {
    Event event = of_task(kind);
    event.task_name = "uplink";
    change(event);
    return event;
  };
  const auto as_is = [](Event&) {};
  struct Case {
    Event event;
    std::string line;
  };
  const auto failed = [&](Decision decision, Duration delay = 0s) {
    return with(EventKind::Failed, [&](Event& e) {
      e.failure = refused();
      e.decision = decision;
      e.delay = delay;
    });
  };
  const std::string failed_with = "engin: uplink: attempt 7 failed after 1.5 s with system_error: connection refused";
  const std::vector<Case> cases = {
      {with(EventKind::Registered, as_is), "engin: uplink: registered"},
      {with(EventKind::Registered, [](Event& e) { e.supervisor = "ingest"; }), "engin[ingest]: uplink: registered"},
      {with(EventKind::AttemptStarted, as_is), "engin: uplink: attempt 7 started"},
      {with(EventKind::Ready, as_is), "engin: uplink: attempt 7 is ready"},
      {failed(Decision::Restart, 14s), failed_with + "; next attempt in 14 s"},
      {failed(Decision::Restart), failed_with + "; next attempt at once"},
      {failed(Decision::Ignore), failed_with + "; ignored"},
      {failed(Decision::Shutdown), failed_with + "; this shuts the application down"},
      {failed(Decision::GiveUp), failed_with + "; its limit is reached, it stays down"},
      {failed(Decision::CoolDown, 5min), failed_with + "; its limit is reached, it rests for 5 min"},
      {failed(Decision::Finish), failed_with + "; it is done"},
      {failed(Decision::None), failed_with},
      {with(EventKind::RestartScheduled, [](Event& e) { e.delay = 14s; }), "engin: uplink: next attempt in 14 s"},
      {with(EventKind::Completed, [](Event& e) { e.decision = Decision::Finish; }),
       "engin: uplink: attempt 7 completed"},
      {with(EventKind::Completed,
            [](Event& e) {
              e.decision = Decision::Restart;
              e.delay = 1s;
            }),
       "engin: uplink: attempt 7 completed; next attempt in 1 s"},
      {with(EventKind::Stopped, [](Event& e) { e.reason = StopReason::Shutdown; }),
       "engin: uplink: stopped for the shutdown"},
      {with(EventKind::Stopped, [](Event& e) { e.failure = refused(); }),
       "engin: uplink: stopped; what it threw meanwhile: system_error: connection refused"},
      {with(EventKind::GaveUp, [](Event& e) { e.failure = refused(); }),
       "engin: uplink: gave up, its limit is reached: system_error: connection refused"},
      {with(EventKind::HookStarted, as_is), "engin: uplink: its hook started"},
      {with(EventKind::HookEnded,
            [](Event& e) {
              e.hook = HookResult::Returned;
              e.duration = 20ms;
            }),
       "engin: uplink: its hook returned after 20 ms"},
      {with(EventKind::HookEnded,
            [](Event& e) {
              e.hook = HookResult::Failed;
              e.duration = 20ms;
              e.detail = "runtime_error: disk\nfull";
            }),
       "engin: uplink: its hook failed after 20 ms: runtime_error: disk\\nfull"},
      {with(EventKind::HookEnded, [](Event& e) { e.hook = HookResult::NotStarted; }),
       "engin: uplink: its hook was not started, since no time was left"},
      {with(EventKind::HookEnded,
            [](Event& e) {
              e.hook = HookResult::TimedOut;
              e.duration = 8s;
            }),
       "engin: uplink: its hook ended too late, after 8 s"},
      {with(EventKind::HookTimedOut, [](Event& e) { e.duration = 5s; }),
       "engin: uplink: its hook did not return within 5 s"},
      {with(EventKind::StopRequested, [](Event& e) { e.reason = StopReason::Restart; }),
       "engin: uplink: attempt 7 was asked to stop for a restart"},
      {with(EventKind::StopIgnored, as_is),
       "engin: uplink: attempt 7 goes on although stop was requested: 1,000 awaits in a row were cut short"},
      {with(EventKind::Unresponsive, [](Event& e) { e.duration = 30s; }),
       "engin: uplink: attempt 7 is unresponsive: no beat for 30 s"},
      {with(EventKind::Straggler, [](Event& e) { e.duration = 10s; }),
       "engin: uplink: attempt 7 has not ended 10 s after stop was requested"},
      {with(EventKind::StragglerEnded, [](Event& e) { e.duration = 1min; }),
       "engin: uplink: attempt 7 ended after all, after 1 min"},
      {with(EventKind::StragglerEnded,
            [](Event& e) {
              e.duration = 1min;
              e.detail = "hook";
            }),
       "engin: uplink: its hook ended after all, after 1 min"},
      {{.kind = EventKind::RunnerAdded, .count = 3}, "engin: now 3 runners"},
      {{.kind = EventKind::Starvation, .count = 1, .detail = "max_runners is reached"},
       "engin: 1 job waits and no runner can be had: max_runners is reached"},
      {{.kind = EventKind::ShutdownBegan, .detail = "requested: bye"}, "engin: shutdown began: requested: bye"},
      {{.kind = EventKind::ShutdownEnded, .duration = 1s}, "engin: shutdown ended after 1 s"},
      {{.kind = EventKind::ShutdownEnded, .duration = 1s, .detail = "1 hook failed"},
       "engin: shutdown ended after 1 s, not cleanly: 1 hook failed"},
      {{.kind = static_cast<EventKind>(99)}, "engin: an event that this version does not know"},
  };
  for (const Case& c : cases) EXPECT_EQ(line_of(c.event), c.line);
}

TEST(EventTest, KindsAndDecisionsAreCalledAsInTheCode) {
  EXPECT_EQ(testing::PrintToString(EventKind::Registered), "Registered");
  EXPECT_EQ(to_string(EventKind::HookTimedOut), "HookTimedOut");
  EXPECT_EQ(to_string(EventKind::StopIgnored), "StopIgnored");
  EXPECT_EQ(to_string(EventKind::StragglerEnded), "StragglerEnded");
  EXPECT_EQ(to_string(EventKind::ShutdownEnded), "ShutdownEnded");
  EXPECT_EQ(testing::PrintToString(Decision::CoolDown), "CoolDown");
  EXPECT_EQ(to_string(Decision::None), "None");
  EXPECT_EQ(to_string(Decision::Ignore), "Ignore");
}

class PrinterTest : public testing::Test {
 protected:
  std::vector<std::string> take(const Event& event) {
    std::string out;
    printer_.take(event, out);
    std::vector<std::string> lines;
    std::istringstream in(out);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }
  // `count` failures of a task, evenly over `d` from `from`; returns how many lines that gave.
  std::size_t storm(TaskId task, int count, TimePoint from, Duration d) {
    std::size_t lines = 0;
    for (int i = 0; i < count; ++i) lines += take(failure_of(task, from + d / count * i)).size();
    return lines;
  }
  using Lines = std::vector<std::string>;
  EventPrinter printer_;
};

TEST_F(PrinterTest, IsQuietAboutWhatGoesWell) {
  for (EventKind kind :
       {EventKind::Registered, EventKind::AttemptStarted, EventKind::Ready, EventKind::Completed, EventKind::Stopped,
        EventKind::HookStarted, EventKind::StopRequested, EventKind::RestartScheduled}) {
    EXPECT_EQ(take(of_task(kind)), Lines()) << kind;
  }
  Event hook = of_task(EventKind::HookEnded);
  hook.hook = HookResult::Returned;
  EXPECT_EQ(take(hook), Lines());
  EXPECT_EQ(take({.kind = EventKind::RunnerAdded, .time = start, .count = 3}), Lines());
  EXPECT_EQ(take({.kind = EventKind::ShutdownEnded, .time = start, .duration = 1s}), Lines());
  EXPECT_EQ(printer_.remembered(), 0U);
}

TEST_F(PrinterTest, TellsTroubleAsTheEventDoes) {
  for (EventKind kind : {EventKind::GaveUp, EventKind::HookTimedOut, EventKind::StopIgnored, EventKind::Unresponsive,
                         EventKind::Straggler, EventKind::StragglerEnded}) {
    EXPECT_EQ(take(of_task(kind)), Lines{line_of(of_task(kind))});
  }
  for (HookResult result : {HookResult::Failed, HookResult::NotStarted}) {
    Event hook = of_task(EventKind::HookEnded, 2);
    hook.hook = result;
    EXPECT_EQ(take(hook), Lines{line_of(hook)});
  }
  EXPECT_EQ(take(failure_of(3, start)), Lines{line_of(failure_of(3, start))});
  const Event began{.kind = EventKind::ShutdownBegan, .time = start, .detail = "requested"};
  EXPECT_EQ(take(began), Lines{line_of(began)});
  const Event starving{.kind = EventKind::Starvation, .time = start, .count = 2};
  EXPECT_EQ(take(starving), Lines{line_of(starving)});
  const Event ended{.kind = EventKind::ShutdownEnded, .time = start, .duration = 1s, .detail = "1 hook failed"};
  EXPECT_EQ(take(ended), Lines{line_of(ended)});
}

TEST_F(PrinterTest, TellsTheEndOfTrouble) {
  take(failure_of(1, start, 100ms));
  EXPECT_EQ(take(of_task(EventKind::AttemptStarted)), Lines());
  take(failure_of(1, start, 1s));
  EXPECT_EQ(take(of_task(EventKind::AttemptStarted)), Lines{"engin: t1: attempt 7 started"});
  EXPECT_EQ(take(of_task(EventKind::Ready)), Lines{"engin: t1: attempt 7 is ready, after 2 failures"});
  EXPECT_EQ(take(of_task(EventKind::Ready)), Lines());  // once
  take(failure_of(1, start));
  EXPECT_EQ(take(of_task(EventKind::Completed)), Lines{"engin: t1: attempt 7 completed, after 1 failure"});
}

TEST_F(PrinterTest, ATaskThatEndedIsNoLongerInTrouble) {
  take(failure_of(1, start));
  take(of_task(EventKind::Stopped));
  EXPECT_EQ(take(of_task(EventKind::Ready)), Lines());
  take(failure_of(1, start));
  Event last = failure_of(1, start);
  last.decision = Decision::GiveUp;
  take(last);
  EXPECT_EQ(take(of_task(EventKind::Ready)), Lines());
}

TEST_F(PrinterTest, TellsTenFailuresOfATaskASecondAndThenTheSumOfAMinute) {
  EXPECT_EQ(storm(1, 224, start, 20s), 10U);
  EXPECT_EQ(take(of_task(EventKind::AttemptStarted, 2, start + 59s)), Lines());
  // With the first event after a minute, whoever's it is. The eleventh failure came after 0.9 s.
  EXPECT_EQ(take(of_task(EventKind::Registered, 2, start + 63s)),
            Lines{"engin: t1: failed 214 times within 19 s, until 43 s ago, last: system_error: connection refused"});
}

TEST_F(PrinterTest, AStormThatGoesOnIsALineAMinute) {
  EXPECT_EQ(storm(1, 6'000, start, 1min), 10U);
  Lines told;
  for (int i = 0; i < 60'000; ++i) {
    for (const std::string& line : take(failure_of(1, start + 1min + i * 10ms))) told.push_back(line);
  }
  ASSERT_EQ(told.size(), 10U);
  // Sums are looked for once a second, so a minute may be one longer.
  EXPECT_EQ(told[0], "engin: t1: failed 6,090 times in the last minute, last: system_error: connection refused");
  EXPECT_EQ(told[9].substr(0, 42), "engin: t1: failed 6,000 times in the last ");
}

TEST_F(PrinterTest, AfterTheStormFailuresAreToldOneByOneAgain) {
  storm(1, 100, start, 1s);
  EXPECT_EQ(take(of_task(EventKind::Registered, 2, start + 2min)).size(), 1U);  // the sum
  EXPECT_EQ(take(failure_of(1, start + 2min + 1s)), Lines());                   // 90 in the last look: not yet calm
  EXPECT_EQ(take(of_task(EventKind::Registered, 2, start + 4min)).size(), 1U);  // one in a minute: calm
  EXPECT_EQ(take(failure_of(1, start + 4min + 1s)).size(), 1U);
}

TEST_F(PrinterTest, InAStormGoodNewsIsNone) {
  storm(1, 100, start, 1s);
  EXPECT_EQ(take(of_task(EventKind::Ready, 1, start + 2s)), Lines());
}

TEST_F(PrinterTest, InAStormOtherTroubleIsStillTold) {
  storm(1, 100, start, 1s);
  const Event straggler = of_task(EventKind::Straggler, 1, start + 3s);
  EXPECT_EQ(take(straggler), Lines{line_of(straggler)});
}

TEST_F(PrinterTest, TheEndOfTheShutdownTellsAllSums) {
  storm(1, 20, start, 1s);
  EXPECT_EQ(take({.kind = EventKind::ShutdownEnded, .time = start + 2s, .duration = 1s}),
            Lines{"engin: t1: failed 10 times in the last 1.5 s, last: system_error: connection refused"});
}

TEST_F(PrinterTest, TellsNinetyLinesOfAllTasksASecondAndKeepsTenForTheSupervisor) {
  std::size_t lines = 0;
  for (TaskId task = 1; task <= 200; ++task) lines += take(failure_of(task, start)).size();
  EXPECT_EQ(lines, 90U);
  for (int i = 0; i < 20; ++i) lines += take({.kind = EventKind::Starvation, .time = start, .count = 1}).size();
  EXPECT_EQ(lines, 100U);
  EXPECT_EQ(take({.kind = EventKind::ShutdownEnded, .time = start + 1s, .duration = 1s}),
            Lines{"engin: left out, since there was too much to tell: 110 failures and 0 other events of tasks in the "
                  "last 1 s, last: t200: system_error: connection refused"});
}

TEST_F(PrinterTest, WhatHadNoRoomIsToldAfterAMinute) {
  for (TaskId task = 1; task <= 200; ++task) take(failure_of(task, start));
  EXPECT_EQ(take(of_task(EventKind::Registered, 1, start + 59s)), Lines());
  EXPECT_EQ(take(of_task(EventKind::Registered, 1, start + 61s)),
            Lines{"engin: left out, since there was too much to tell: 110 failures and 0 other events of tasks within "
                  "0 s, until 1 min 1 s ago, last: t200: system_error: connection refused"});
  EXPECT_EQ(take(of_task(EventKind::Registered, 1, start + 3min)), Lines());
}

TEST_F(PrinterTest, SumsKeepTheLimitAndNoneIsForgotten) {
  // Nine tasks a second can become condensed.
  for (TaskId task = 1; task <= 135; ++task) storm(task, 20, start + (task - 1) / 9 * 2s, 900ms);
  const auto tell_at = [&](Duration d) { return take(of_task(EventKind::Registered, 1, start + d)).size(); };
  EXPECT_EQ(tell_at(2min), 90U);
  EXPECT_EQ(tell_at(2min + 999ms), 0U);
  EXPECT_EQ(tell_at(2min + 1s), 45U);
  EXPECT_EQ(tell_at(5min), 0U);
}

TEST_F(PrinterTest, ASumKeepsTheLimitOfItsTask) {
  storm(1, 20, start, 1s);
  Lines lines;
  for (int i = 0; i < 20; ++i) {
    for (const std::string& line : take(of_task(EventKind::Straggler, 1, start + 70s + i * 1ms))) lines.push_back(line);
  }
  ASSERT_EQ(lines.size(), 10U);  // the sum is one of them
  EXPECT_EQ(lines[0].substr(0, 26), "engin: t1: failed 10 times");
}

TEST_F(PrinterTest, NoSecondHasMoreThanTenLinesOfATaskOrAHundredOfAll) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    EventPrinter printer;
    std::mt19937_64 random(seed);
    std::deque<TimePoint> all;
    std::map<std::string, std::deque<TimePoint>> of;
    TimePoint now = start;
    const std::uint64_t tasks = 1 + random() % 300;
    const std::uint64_t longest_step = 1 + random() % 20'000'000;
    std::uint64_t failures = 0;
    for (int i = 0; i < 20'000; ++i) {
      now += Duration(static_cast<Duration::rep>(random() % longest_step));
      const TaskId task = 1 + random() % tasks;
      Event event = failure_of(task, now, random() % 2 ? 0s : 2s);
      if (random() % 8 == 0) event.kind = static_cast<EventKind>(random() % 18);
      if (random() % 50 == 0) event = {.kind = EventKind::Starvation, .time = now, .count = 3};
      failures += event.kind == EventKind::Failed;
      std::string out;
      printer.take(event, out);
      std::istringstream in(out);
      for (std::string line; std::getline(in, line);) {
        all.push_back(now);
        while (now - all.front() >= 1s) all.pop_front();
        ASSERT_LE(all.size(), 100U) << seed;
        const std::string name = line.substr(7, line.find(": ", 7) - 7);
        if (!name.starts_with('t')) continue;
        std::deque<TimePoint>& lines = of[name];
        lines.push_back(now);
        while (now - lines.front() >= 1s) lines.pop_front();
        ASSERT_LE(lines.size(), 10U) << seed << " " << name;
      }
    }
    ASSERT_GT(failures, 10'000U);
  }
}

TEST_F(PrinterTest, WhatItRemembersDoesNotGrowWithTheTasksThatFailedOnce) {
  for (TaskId task = 1; task <= 100'000; ++task) {
    Event event = failure_of(task, start + task * 1ms);
    event.decision = Decision::Ignore;
    take(event);
    ASSERT_LE(printer_.remembered(), 200U) << task;
  }
}

TEST_F(PrinterTest, WhatItRemembersEndsWithTheTrouble) {
  for (TaskId task = 1; task <= 1'000; ++task) take(failure_of(task, start));
  EXPECT_GE(printer_.remembered(), 1'000U);
  for (TaskId task = 1; task <= 1'000; ++task) take(of_task(EventKind::Completed, task, start + 2s));
  take(of_task(EventKind::Registered, 1, start + 5s));
  EXPECT_EQ(printer_.remembered(), 0U);
}

TEST_F(PrinterTest, LongTextIsCut) {
  const Lines lines = take({.kind = EventKind::ShutdownBegan, .time = start, .detail = std::string(1 << 20, 'x')});
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].size(), 4'003U);
  EXPECT_TRUE(lines[0].ends_with("xxx..."));
}

TEST_F(PrinterTest, SaysHowManyLinesWereLost) {
  printer_.lost(3);
  EXPECT_EQ(take(of_task(EventKind::Registered)),
            Lines{"engin: 3 lines were lost: there was no memory, or nobody read them"});
  EXPECT_EQ(take(of_task(EventKind::Registered)), Lines());
}

TEST(TextObserverTest, WritesWhatAPersonMustSee) {
  std::ostringstream out;
  const auto observer = text_observer(out);
  observer->on_event(of_task(EventKind::Registered));
  observer->on_event(failure_of(1, start, 14s));
  EXPECT_EQ(out.str(),
            "engin: t1: attempt 7 failed after 1.5 s with system_error: connection refused; next attempt in 14 s\n");
}

TEST(TextObserverTest, ManyTasksMaySpeakAtOnce) {
  std::ostringstream out;
  const auto observer = text_observer(out);
  std::vector<std::jthread> threads;
  for (TaskId task = 1; task <= 4; ++task) {
    threads.emplace_back([&observer, task] {
      for (int i = 0; i < 1'000; ++i) observer->on_event(failure_of(task, start + i * 100us));
    });
  }
  threads.clear();
  std::istringstream in(out.str());
  int lines = 0;
  for (std::string line; std::getline(in, line); ++lines) EXPECT_TRUE(line.ends_with("next attempt at once")) << line;
  EXPECT_EQ(lines, 40);
}

class Pipe {
 public:
  Pipe() { EXPECT_EQ(pipe2(ends_, O_NONBLOCK), 0); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_reader();
    ::close(ends_[1]);
  }
  void close_reader() {
    if (ends_[0] >= 0) ::close(ends_[0]);
    ends_[0] = -1;
  }
  int writer() const { return ends_[1]; }
  std::string read_all() {
    std::string text;
    char buffer[4096];
    for (ssize_t n = 0; (n = ::read(ends_[0], buffer, sizeof buffer)) > 0;)
      text.append(buffer, static_cast<std::size_t>(n));
    return text;
  }
  void fill() {
    const std::string junk(4096, '.');
    while (::write(ends_[1], junk.data(), junk.size()) > 0) {
    }
  }

 private:
  int ends_[2] = {-1, -1};
};

TEST(DefaultObserverTest, WritesToItsDescriptor) {
  Pipe pipe;
  const auto observer = make_descriptor_observer(pipe.writer());
  observer->on_event({.kind = EventKind::ShutdownBegan, .time = start, .detail = "requested: bye"});
  EXPECT_EQ(pipe.read_all(), "engin: shutdown began: requested: bye\n");
}

TEST(DefaultObserverTest, IsOnStandardError) {
  testing::internal::CaptureStderr();
  make_default_observer()->on_event({.kind = EventKind::ShutdownBegan, .time = start, .detail = "requested: bye"});
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "engin: shutdown began: requested: bye\n");
}

TEST(DefaultObserverTest, DoesNotWaitForAReaderAndSaysWhatWasLost) {
  Pipe pipe;
  pipe.fill();
  const auto observer = make_descriptor_observer(pipe.writer());
  const auto begin = std::chrono::steady_clock::now();
  observer->on_event({.kind = EventKind::ShutdownBegan, .time = start, .detail = "requested: bye"});
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
  pipe.read_all();
  observer->on_event(of_task(EventKind::Registered));
  EXPECT_EQ(pipe.read_all(), "engin: 1 line was lost: there was no memory, or nobody read them\n");
}

TEST(DefaultObserverTest, AReaderThatWentAwayEndsNothing) {
  ASSERT_EQ(signal(SIGPIPE, SIG_DFL), SIG_DFL);
  Pipe pipe;
  pipe.close_reader();
  const auto observer = make_descriptor_observer(pipe.writer());
  observer->on_event({.kind = EventKind::ShutdownBegan, .time = start});
  sigset_t pending;
  sigpending(&pending);
  EXPECT_EQ(sigismember(&pending, SIGPIPE), 0);
  sigset_t blocked;
  pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  EXPECT_EQ(sigismember(&blocked, SIGPIPE), 0);
}

TEST(DefaultObserverTest, ADescriptorThatIsClosedEndsNothing) {
  const auto observer = make_descriptor_observer(-1);
  observer->on_event({.kind = EventKind::ShutdownBegan, .time = start});
}

}  // namespace
}  // namespace engin
