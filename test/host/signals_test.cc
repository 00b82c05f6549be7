// Signals within one process: what is put back, and who gets them. What they do to a process: test/process.
#include <chrono>
#include <csignal>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "engin/engin.h"

#if defined(__has_feature)
#define ENGIN_HAS_FEATURE_THREAD_SANITIZER __has_feature(thread_sanitizer)
#else
#define ENGIN_HAS_FEATURE_THREAD_SANITIZER 0
#endif

namespace {

using namespace std::chrono_literals;
using engin::Engin;
using engin::handle_signals;
using engin::Invoke;
using engin::Supervisor;
using engin::Supply;

volatile sig_atomic_t old_handler_calls = 0;
extern "C" void old_handler(int) { old_handler_calls = old_handler_calls + 1; }

engin::Option quiet() { return Supply(engin::SupervisorOptions{.default_observer = false}); }

engin::Option raises(int signal) {
  return Invoke([signal](Supervisor& supervisor) {
    supervisor.supervise([signal] {
      kill(getpid(), signal);
      while (engin::this_task::sleep_for(1h)) {
      }
    });
  });
}

class SignalsTest : public ::testing::Test {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_THREAD__) || ENGIN_HAS_FEATURE_THREAD_SANITIZER
    GTEST_SKIP() << "ThreadSanitizer holds a signal back while its thread waits in a futex";
#endif
    old_handler_calls = 0;
    struct sigaction action{};
    action.sa_handler = &old_handler;
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, &before_);
    handler_set_ = true;
  }
  void TearDown() override {
    if (handler_set_) sigaction(SIGTERM, &before_, nullptr);
  }
  static bool old_handler_is_back() {
    struct sigaction now{};
    sigaction(SIGTERM, nullptr, &now);
    return now.sa_handler == &old_handler;
  }
  struct sigaction before_{};
  bool handler_set_ = false;
};

TEST_F(SignalsTest, TheCauseIsTheSignalAndThePreviousHandlerComesBack) {
  sigset_t mask_before;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask_before);
  for (int round = 0; round < 20; ++round) {
    Engin app(quiet(), raises(SIGTERM));
    EXPECT_EQ(app.run(), 0);
    const auto report = app.report();
    EXPECT_EQ(report.supervisor->cause.kind, engin::ShutdownCause::Kind::Signal);
    EXPECT_EQ(report.supervisor->cause.signal, SIGTERM);
    EXPECT_TRUE(old_handler_is_back());
  }
  EXPECT_EQ(old_handler_calls, 0);
  raise(SIGTERM);
  EXPECT_EQ(old_handler_calls, 1);
  sigset_t mask_after;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask_after);
  for (int signal = 1; signal < 32; ++signal) {
    EXPECT_EQ(sigismember(&mask_before, signal), sigismember(&mask_after, signal)) << signal;
  }
}

TEST_F(SignalsTest, StartLeavesSignalsToTheProgramUnlessTold) {
  {
    Engin app(quiet());
    app.start();
    EXPECT_TRUE(old_handler_is_back());
  }
  Engin app(handle_signals(true), quiet(), raises(SIGTERM));
  app.start();
  while (!app.stop_token().stop_requested()) std::this_thread::yield();
  EXPECT_EQ(app.stop(), 0);
  EXPECT_TRUE(old_handler_is_back());
}

TEST_F(SignalsTest, OnlyOneEnginAtATimeHandlesThem) {
  Engin first(handle_signals(true), quiet());
  first.start();
  Engin second(quiet());
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(second.run(), 3);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), ::testing::HasSubstr("another Engin of this process handles"));
  EXPECT_EQ(first.stop(), 0);
  EXPECT_EQ(Engin(quiet(), raises(SIGTERM)).run(), 0);
}

TEST_F(SignalsTest, ASignalThatCannotBeHandledIsAFailedStart) {
  Engin app(handle_signals({SIGTERM, SIGKILL}), quiet());
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(app.run(), 3);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), ::testing::HasSubstr("cannot handle SIGKILL"));
  EXPECT_TRUE(old_handler_is_back());
}

}  // namespace
