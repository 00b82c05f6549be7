// What a runtime on threads promises, whatever the number of its runners.
#include "runtime/threaded_runtime.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/prctl.h>

#include "base/thread.h"
#include "test/runtime/job_kit.h"

namespace engin::runtime {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

class ThreadedRuntimeTest : public ::testing::TestWithParam<int> {
 protected:
  // Posts jobs that hold every runner until `release` opens, and waits until they do.
  void hold_runners(int n, const JobType& type = kPlain) {
    for (int i = 0; i < n; ++i) {
      runtime_.post(type, Lane::Ready, [this] {
        held_.add();
        release_.wait();
      });
    }
    ASSERT_TRUE(held_.reaches(n));
  }

  int runners() const { return GetParam(); }

  Gate release_;
  Count held_;
  TestRuntime runtime_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Runners, ThreadedRuntimeTest, ::testing::Values(1, 2, 8));

TEST_P(ThreadedRuntimeTest, StartsAndStopsWithoutAJob) {
  const int before = thread_count();
  runtime_.start();
  EXPECT_EQ(runtime_->stats().runners, runners());
  runtime_.stop();
  EXPECT_LE(thread_count(), before);
}

TEST_P(ThreadedRuntimeTest, RunsEveryJobOnceOnWhicheverLane) {
  runtime_.start();
  constexpr int kJobs = 2000;
  Count ran;
  std::atomic<int> runs{0};
  for (int i = 0; i < kJobs; ++i) {
    const Lane lane = std::array{Lane::Control, Lane::Stop, Lane::Ready, Lane::Fresh}[static_cast<std::size_t>(i % 4)];
    runtime_.post(kPlain, lane, [&] {
      runs.fetch_add(1);
      ran.add();
    });
  }
  ASSERT_TRUE(ran.reaches(kJobs));
  runtime_.stop();
  EXPECT_EQ(runs.load(), kJobs);
}

TEST_P(ThreadedRuntimeTest, JobsPostedBeforeStartWaitForIt) {
  Count ran;
  for (const Lane lane : {Lane::Control, Lane::Stop, Lane::Ready, Lane::Fresh}) {
    runtime_.post(kPlain, lane, [&] { ran.add(); });
  }
  EXPECT_EQ(ran.value(), 0);
  EXPECT_EQ(runtime_->stats().ready, 3U);
  runtime_.start();
  EXPECT_TRUE(ran.reaches(4));
}

TEST_P(ThreadedRuntimeTest, RunsInlineWhatWasPostedWhenItIsNeverStarted) {
  std::vector<int> order;
  runtime_.post(kPlain, Lane::Fresh, [&] { order.push_back(3); });
  runtime_.post(kPlain, Lane::Ready, [&] {
    order.push_back(2);
    runtime_.post(kPlain, Lane::Control, [&] { order.push_back(4); });
  });
  runtime_.post(kPlain, Lane::Control, [&] { order.push_back(1); });
  runtime_->run_inline();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 4, 3}));
}

TEST_P(ThreadedRuntimeTest, ControlJobsRunInOrderAndOneAtATime) {
  runtime_.start();
  std::vector<int> order;  // unprotected on purpose: one at a time
  Count ran;
  for (int i = 0; i < 500; ++i) {
    runtime_.post(kPlain, Lane::Control, [&, i] {
      order.push_back(i);
      ran.add();
    });
  }
  ASSERT_TRUE(ran.reaches(500));
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST_P(ThreadedRuntimeTest, AJobThatPostsItselfAgainLetsOthersRun) {
  runtime_.start();
  std::atomic<bool> done{false};
  Count ended;
  std::vector<Job*> spinners;
  for (int i = 0; i < 2 * runners(); ++i) spinners.push_back(nullptr);
  for (auto& job : spinners) {
    job = &runtime_.make(kStep, [&] {
      if (done.load()) {
        ended.add();
      } else {
        runtime_->post(*job, Lane::Ready);
      }
    });
    runtime_->post(*job, Lane::Ready);
  }
  Count ran;
  for (const Lane lane : {Lane::Stop, Lane::Ready, Lane::Fresh}) runtime_.post(kPlain, lane, [&] { ran.add(); });
  EXPECT_TRUE(ran.reaches(3));
  done.store(true);
  EXPECT_TRUE(ended.reaches(2 * runners()));
}

TEST_P(ThreadedRuntimeTest, ManyThreadsMayPost) {
  runtime_.start();
  Count ran;
  std::vector<std::thread> posters;
  for (int t = 0; t < 4; ++t) {
    posters.emplace_back([&] {
      for (int i = 0; i < 500; ++i) runtime_.post(kStep, i % 2 == 0 ? Lane::Ready : Lane::Fresh, [&] { ran.add(); });
    });
  }
  for (auto& poster : posters) poster.join();
  EXPECT_TRUE(ran.reaches(2000));
}

// Each job is posted when nobody has anything to do: the moment in which a wake-up can be lost.
TEST_P(ThreadedRuntimeTest, NoWakeUpIsLostWhenRunnersAreAboutToPark) {
  runtime_.start();
  Count ran;
  for (int i = 0; i < 3000; ++i) {
    runtime_.post(kStep, Lane::Ready, [&] { ran.add(); });
    ASSERT_TRUE(ran.reaches(i + 1));
    // Some 10 us is what a runner spins for before it parks.
    const auto until = Clock::now() + std::chrono::nanoseconds(i % 40 * 500);
    while (Clock::now() < until) {
    }
  }
}

TEST_P(ThreadedRuntimeTest, AJobLeftInTheQueueOfACapturedRunnerIsRunByAnother) {
  runtime_.start();
  Gate other_ran;
  Gate waited;
  runtime_.post(kStep, Lane::Ready, [&] {
    runtime_.post(kStep, Lane::Ready, [&] { other_ran.open(); });
    other_ran.wait();  // a step that should not, and does
    waited.open();
  });
  EXPECT_TRUE(other_ran.wait());
  EXPECT_TRUE(waited.wait());
}

TEST_P(ThreadedRuntimeTest, OthersReadyTellsWhetherAJobWaits) {
  runtime_.start();
  EXPECT_FALSE(runtime_->others_ready());
  Gate checked;
  runtime_.post(kStep, Lane::Ready, [&] {
    runtime_.post(kStep, Lane::Ready, [] {});
    EXPECT_TRUE(runtime_->others_ready());
    checked.open();
  });
  EXPECT_TRUE(checked.wait());
}

TEST_P(ThreadedRuntimeTest, ATimerFiresThoughTheRunnerThatArmedItIsBusy) {
  struct Opens : Timer {
    explicit Opens(Gate* g) : Timer(&Opens::fired), gate(g) {}
    static Job* fired(Timer& timer, std::uint32_t /*tag*/) noexcept {
      static_cast<Opens&>(timer).gate->open();
      return nullptr;
    }
    Gate* gate;
  };
  runtime_.start();
  Gate gate;
  Opens timer(&gate);
  Count ended;
  std::atomic<bool> fired{false};
  runtime_.post(kBlocking, Lane::Ready, [&] {
    runtime_->arm(timer, Clock::now() + milliseconds(1), 0);
    fired = gate.wait();
    ended.add();
  });
  ASSERT_TRUE(ended.reaches(1));
  EXPECT_TRUE(fired);
}

TEST_P(ThreadedRuntimeTest, TimersPostJobs) {
  struct Poster : Timer {
    explicit Poster(Job* j) : Timer(&Poster::fired), job(j) {}
    static Job* fired(Timer& timer, std::uint32_t /*tag*/) noexcept { return static_cast<Poster&>(timer).job; }
    Job* job;
  };
  runtime_.start();
  Gate ran;
  Poster timer(&runtime_.make(kStep, [&] { ran.open(); }));
  const TimePoint due = runtime_->now() + milliseconds(5);
  runtime_->arm(timer, due, 1);
  ASSERT_TRUE(ran.wait());
  EXPECT_GE(runtime_->now(), due);
  EXPECT_FALSE(runtime_->cancel(timer));
}

TEST_P(ThreadedRuntimeTest, WaitReturnsWhenItIsTrueAndAtTheDeadline) {
  runtime_.start();
  std::atomic<bool> done{false};
  EXPECT_FALSE(runtime_->wait(&runtime_, [&] { return done.load(); }, runtime_->now() + milliseconds(5)));
  runtime_.post(kPlain, Lane::Ready, [&] {
    done.store(true);
    runtime_->notify_waiters(&runtime_);
  });
  EXPECT_TRUE(runtime_->wait(&runtime_, [&] { return done.load(); }, runtime_->now() + kPatience));
  EXPECT_TRUE(runtime_->wait(&runtime_, [&] { return done.load(); }, TimePoint::min()));
}

TEST_P(ThreadedRuntimeTest, NoNotificationIsLost) {
  runtime_.start();
  std::atomic<int> value{0};
  for (int i = 1; i <= 2000; ++i) {
    runtime_.post(kStep, Lane::Ready, [&, i] {
      value.store(i, std::memory_order_relaxed);
      runtime_->notify_waiters(&runtime_);
    });
    ASSERT_TRUE(runtime_->wait(
        &runtime_, [&] { return value.load(std::memory_order_relaxed) == i; }, runtime_->now() + kPatience));
  }
}

TEST_P(ThreadedRuntimeTest, SleepEndsAtItsTimeOrWhenStopIsRequested) {
  runtime_.start();
  std::stop_source source;
  const TimePoint until = runtime_->now() + milliseconds(5);
  EXPECT_TRUE(runtime_->sleep(source.get_token(), until));
  EXPECT_GE(runtime_->now(), until);
  EXPECT_TRUE(runtime_->sleep(std::stop_token(), runtime_->now() + milliseconds(1)));
  Gate slept;
  runtime_.post(kPlain, Lane::Ready, [&] {
    EXPECT_FALSE(runtime_->sleep(source.get_token(), TimePoint::max()));
    slept.open();
  });
  source.request_stop();
  EXPECT_TRUE(slept.wait());
  EXPECT_FALSE(runtime_->sleep(source.get_token(), runtime_->now() + hours(1)));
}

TEST_P(ThreadedRuntimeTest, APlainJobFindsTheSignalMaskOfTheThreadThatCalledStart) {
  sigset_t wanted;
  sigset_t before;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGUSR2);
  pthread_sigmask(SIG_SETMASK, &wanted, &before);
  runtime_.start();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);

  Count ran;
  std::atomic<int> wrong{0};
  for (int i = 0; i < 100; ++i) {
    runtime_.post(kPlain, Lane::Fresh, [&] {
      sigset_t mask;
      pthread_sigmask(SIG_SETMASK, nullptr, &mask);
      if (sigismember(&mask, SIGUSR2) != 1 || sigismember(&mask, SIGTERM) != 0) wrong.fetch_add(1);
      sigfillset(&mask);
      pthread_sigmask(SIG_SETMASK, &mask, nullptr);
      ran.add();
    });
  }
  ASSERT_TRUE(ran.reaches(100));
  EXPECT_EQ(wrong.load(), 0);
}

TEST_P(ThreadedRuntimeTest, UsesNoProcessorTimeWhileIdle) {
  runtime_.start();
  Count ran;
  for (int i = 0; i < 100; ++i) runtime_.post(kStep, Lane::Ready, [&] { ran.add(); });
  ASSERT_TRUE(ran.reaches(100));
  struct End : Timer {
    End()
        : Timer([](Timer& self, std::uint32_t) noexcept -> Job* {
            static_cast<End&>(self).fired.open();
            return nullptr;
          }) {}
    Gate fired;
  };
  std::deque<End> ends;  // while the runtime may be in one
  const auto stretch = [&] {
    End& end = ends.emplace_back();
    runtime_->arm(end, Clock::now() + milliseconds(300), 0);
    return end.fired.wait();
  };
  EXPECT_TRUE(falls_quiet(stretch, 5)) << "four, and the one that wakes up for the timer";
  runtime_.stop();
}

TEST_P(ThreadedRuntimeTest, StopLeavesAStragglerBehindAndItFindsItsRuntimeAlive) {
  // Static, since the straggler may outlive the test.
  static Gate begun;
  static Gate go_on;
  static Gate ended;
  begun.~Gate();
  go_on.~Gate();
  ended.~Gate();
  new (&begun) Gate;
  new (&go_on) Gate;
  new (&ended) Gate;
  const int before = thread_count();
  static FunctionJob* job = nullptr;
  {
    auto runtime = make_threaded_runtime({.runners = runners()});
    CountingListener listener;
    Runtime* raw = runtime.get();
    job = new FunctionJob(kPlain, [raw] {
      begun.open();
      go_on.wait();
      EXPECT_FALSE(raw->others_ready());
      raw->next_job(kPlain);
      ended.open();
    });
    runtime->start(listener);
    runtime->post(*job, Lane::Fresh);
    ASSERT_TRUE(begun.wait());
    runtime->stop();
  }
  EXPECT_LE(thread_count(), before + 1);
  go_on.open();
  EXPECT_TRUE(ended.wait());
  EXPECT_TRUE(eventually([&] { return thread_count() <= before; }));
  delete job;
}

// The latest thread that was created.
std::atomic<pthread_t> latest_thread{};
int create_and_remember(pthread_t* thread, const pthread_attr_t* attributes, void* (*main)(void*), void* argument) {
  const int error = pthread_create(thread, attributes, main, argument);
  if (error == 0) latest_thread.store(*thread);
  return error;
}

TEST_P(ThreadedRuntimeTest, TheThreadThatStopsItLaterIsLeftToItself) {
  std::atomic<bool> done{false};
  Gate stopped;
  auto runtime = make_threaded_runtime({.runners = runners()});
  CountingListener listener;
  runtime->start(listener);
  base::create_thread.store(&create_and_remember);
  runtime->stop_later(&done, [&] { return done.load(); }, [&] { stopped.open(); });
  base::create_thread.store(&pthread_create);
  // Nobody joins it, so without this its stack would be kept for good.
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_getattr_np(latest_thread.load(), &attributes), 0);
  int detached = PTHREAD_CREATE_JOINABLE;
  pthread_attr_getdetachstate(&attributes, &detached);
  pthread_attr_destroy(&attributes);
  EXPECT_EQ(detached, PTHREAD_CREATE_DETACHED);
  done.store(true);
  runtime->notify_waiters(&done);
  EXPECT_TRUE(stopped.wait());
}

TEST_P(ThreadedRuntimeTest, ARunnerThatHasNothingToDoPutsTheTimerSlackBack) {
  constexpr int kOdd = 777'777;
  const auto slack = [] { return prctl(PR_GET_TIMERSLACK, 0UL, 0UL, 0UL, 0UL); };
  runtime_.start();
  Count set;
  for (int i = 0; i < runners(); ++i) {
    runtime_.post(kPlain, Lane::Ready, [&] {
      prctl(PR_SET_TIMERSLACK, static_cast<unsigned long>(kOdd), 0UL, 0UL, 0UL);
      set.add();
    });
  }
  ASSERT_TRUE(set.reaches(runners()));
  // A step, for which a debug build does not set it back.
  EXPECT_TRUE(eventually([&] {
    int seen = 0;
    Gate done;
    runtime_.post(kStep, Lane::Ready, [&] {
      seen = slack();
      done.open();
    });
    return done.wait() && seen != kOdd;
  }));
}

TEST_P(ThreadedRuntimeTest, StatsTellWhatTheRunnersDo) {
  runtime_.start();
  ASSERT_NO_FATAL_FAILURE(hold_runners(runners(), kBlocking));
  const Stats stats = runtime_->stats();
  EXPECT_GE(stats.captured, 1);
  EXPECT_GE(stats.runners, runners());
  EXPECT_EQ(stats.max_runners, 1024);
  EXPECT_EQ(stats.ready, 0U);
  EXPECT_FALSE(stats.starving);
  release_.open();
}

}  // namespace
}  // namespace engin::runtime
