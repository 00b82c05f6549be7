// What signals do to a process that is an Engin.
#include <chrono>
#include <csignal>
#include <random>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/support/child.h"

namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

/// The program whose `main` is an Engin.
class Child : public engin::test::Child {
 public:
  explicit Child(const char* mode) : engin::test::Child(ENGIN_TEST_PROGRAMS "/host_child", mode) {}
};

TEST(HostProcessTest, ASignalStopsInOrderAndTheStatusIsZero) {
  for (const int signal : {SIGTERM, SIGINT}) {
    Child child("waits");
    ASSERT_TRUE(child.wait_for("ready"));
    child.send(signal);
    EXPECT_EQ(child.status(), 0);
    EXPECT_THAT(child.output(), EndsWith("lifecycle stopped\ndestroyed\nmain returns\n"));
  }
}

TEST(HostProcessTest, TheStatusMirrorsTheSignalIfAskedTo) {
  Child child("mirror");
  ASSERT_TRUE(child.wait_for("ready"));
  child.send(SIGHUP);
  EXPECT_EQ(child.status(), 128 + SIGHUP);
  EXPECT_THAT(child.output(), EndsWith("main returns\n"));
}

TEST(HostProcessTest, SignalsThatAreNotHandledDoWhatTheyDid) {
  Child child("none");
  ASSERT_TRUE(child.wait_for("ready"));
  child.send(SIGTERM);
  EXPECT_EQ(child.status(), 128 + SIGTERM);
  EXPECT_THAT(child.output(), Not(HasSubstr("main returns")));
}

TEST(HostProcessTest, TheSecondSignalNamesWhoStillRunsAndEndsTheProcess) {
  for (const int second : {SIGTERM, SIGINT}) {
    Child child("stubborn");
    ASSERT_TRUE(child.wait_for("ready"));
    child.send(SIGTERM);
    ASSERT_TRUE(child.wait_for("stopping"));
    child.send(second);
    EXPECT_EQ(child.status(), 128 + second);
    EXPECT_THAT(child.output(),
                AllOf(HasSubstr("ends at once; still running: stubborn\n"), Not(HasSubstr("destroyed"))));
  }
}

TEST(HostProcessTest, TheSecondSignalNamesWhatHangsOutsideTheTasksToo) {
  for (const auto& [mode, who] :
       {std::pair("hung-provider", "Resource <- a lambda"), std::pair("hung-start", "on_start of database"),
        std::pair("hung-destructor", "HangsAtItsEnd <- HangsAtItsEnd()")}) {
    Child child(mode);
    ASSERT_TRUE(child.wait_for("ready"));
    child.send(SIGTERM);
    child.send(SIGINT);  // another one, for two of a kind become one while the first waits to be delivered
    EXPECT_THAT(child.status(), AnyOf(128 + SIGTERM, 128 + SIGINT)) << mode;
    EXPECT_THAT(child.output(), HasSubstr(who));
  }
}

TEST(HostProcessTest, AStartThatFailsRollsBackAndTheStatusIsThree) {
  Child child("failed-start");
  EXPECT_EQ(child.status(), 3);
  EXPECT_THAT(child.output(), AllOf(HasSubstr("lifecycle stopped\ndestroyed\n"), HasSubstr("refused"),
                                    EndsWith("main returns\n"), Not(HasSubstr("ready"))));
}

TEST(HostProcessTest, AStartThatHangsRollsBackAroundItAndTheStatusIsThree) {
  Child child("stuck-start");
  EXPECT_EQ(child.status(), 3);
  EXPECT_THAT(child.output(), AllOf(HasSubstr("lifecycle stopped\n"), HasSubstr("did not return within 100 ms"),
                                    HasSubstr("on_start of database still runs"), Not(HasSubstr("destroyed"))));
}

TEST(HostProcessTest, StopsThatHangOrThrowAreReportedAndSkipNoOther) {
  Child child("hung-stop");
  EXPECT_EQ(child.status(), 2);
  EXPECT_THAT(child.output(), AllOf(HasSubstr("lifecycle stopped\n"), HasSubstr("no network"),
                                    HasSubstr("on_stop of stuck still runs"), Not(HasSubstr("destroyed"))));
}

TEST(HostProcessTest, WithAStragglerTheReportIsPrintedAndNoValueDestroyed) {
  Child child("straggler");
  ASSERT_TRUE(child.wait_for("ready"));
  child.send(SIGTERM);
  EXPECT_EQ(child.status(), 2);
  EXPECT_THAT(child.output(), AllOf(HasSubstr("lifecycle stopped\n"), HasSubstr("stubborn"),
                                    Not(HasSubstr("destroyed")), Not(HasSubstr("main returns"))));
}

TEST(HostProcessTest, AfterStartTheDestructorEndsTheProcessWithAStraggler) {
  Child child("embedded-straggler");
  EXPECT_EQ(child.status(), 2);
  EXPECT_THAT(child.output(),
              AllOf(HasSubstr("stop returned\n"), Not(HasSubstr("destroyed")), Not(HasSubstr("not reached"))));
}

TEST(HostProcessTest, ItDoesNotMatterWhatTheProgramsOtherThreadsDo) {
  for (const char* mode : {"threads-before", "blocked-before"}) {
    Child child(mode);
    ASSERT_TRUE(child.wait_for("ready"));
    child.send(SIGTERM);
    EXPECT_EQ(child.status(), 0) << mode;
  }
}

TEST(HostProcessTest, ChildrenOfTasksHaveTheMaskThatTheProgramHad) {
  Child child("children");
  ASSERT_TRUE(child.wait_for("ready"));
  EXPECT_THAT(child.output(),
              AllOf(HasSubstr("SigBlk:\t0000000000000000"), Not(HasSubstr("survived")), HasSubstr("child ended")));
  child.send(SIGTERM);
  EXPECT_EQ(child.status(), 0) << "none of it was a signal to the parent";
}

TEST(HostProcessTest, ASignalWhileItIsAssembledIsNotLost) {
  Child child("signalled-while-assembling");
  EXPECT_THAT(child.status(), AnyOf(0, 3));
  EXPECT_THAT(child.output(), EndsWith("main returns\n"));
}

// Blocked by the program and pending when the Engin is made: it may still do what it did before, but is not lost.
TEST(HostProcessTest, ASignalThatIsPendingBeforeEndsIt) {
  Child child("signalled-before-start");
  EXPECT_THAT(child.status(), AnyOf(0, 3, 128 + SIGTERM));
}

TEST(HostProcessTest, ASignalWhileHooksRunIsTheSecondOne) {
  Child child("slow-hook");
  ASSERT_TRUE(child.wait_for("ready"));
  child.send(SIGTERM);
  ASSERT_TRUE(child.wait_for("in the hook"));
  child.send(SIGTERM);
  EXPECT_EQ(child.status(), 128 + SIGTERM);
  EXPECT_THAT(child.output(), AllOf(HasSubstr("still running: hooked"), Not(HasSubstr("main returns"))));
}

// A thousand instants, in parts that can be run side by side.
class SigtermTest : public ::testing::TestWithParam<unsigned> {};

TEST_P(SigtermTest, AtAnyInstantItEndsTheProcessWithAKnownStatus) {
  const unsigned seed = std::random_device()() + GetParam();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::minstd_rand random(seed);
  int clean = 0;
  for (int round = 0; round < 250; ++round) {
    Child child(round % 2 == 0 ? "waits" : "ends");
    if (round % 50 == 0) {  // also where a loaded machine begins none in 15 ms
      ASSERT_TRUE(child.wait_for("ready"));
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 15'000));
    child.send(SIGTERM);
    const int status = child.status();
    ASSERT_THAT(status, AnyOf(0, 128 + SIGTERM, 3)) << "round " << round << ": " << child.output();
    clean += status == 0;
  }
  EXPECT_GT(clean, 0);
}
INSTANTIATE_TEST_SUITE_P(HostProcessTest, SigtermTest, ::testing::Range(0U, 4U));

}  // namespace
