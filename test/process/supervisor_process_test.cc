// What becomes of a process whose tasks hang, exit, fork, or run out of what they need.
#include <chrono>
#include <csignal>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/support/child.h"
#include "test/support/sanitizers.h"

namespace {

using engin::test::Child;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* Program = ENGIN_TEST_PROGRAMS "/supervisor_child";

TEST(SupervisorProcessTest, TheDestructorWaitsForAStragglerByDefault) {
  Child child(Program, "wait");
  EXPECT_EQ(child.status(), 2);
  EXPECT_EQ(child.output(), "straggler: hangs body\nthe straggler ended\ndestroyed\n");
}

TEST(SupervisorProcessTest, OrEndsTheProcessWithTheReportAndItsExitCode) {
  Child child(Program, "exit");
  EXPECT_EQ(child.status(), 2);
  EXPECT_THAT(child.output(), HasSubstr("hangs"));
  EXPECT_THAT(child.output(), Not(HasSubstr("destroyed")));
}

TEST(SupervisorProcessTest, OrLeavesItRunningToItsEnd) {
  Child child(Program, "abandon");
  EXPECT_EQ(child.status(), 2);
  EXPECT_EQ(child.output(), "straggler: hangs body\ndestroyed\nthe straggler ended\nmain returns\n");
}

TEST(SupervisorProcessTest, OrLeavesWhatWaitsToItsEndAndThenNoThreadBehind) {
  Child child(Program, "abandon-what-waits");
  EXPECT_EQ(child.status(), 0);
  EXPECT_EQ(child.output(), "two stragglers\ndestroyed\nboth ended\nno thread is left\n");
}

TEST(SupervisorProcessTest, OrLeavesWhatIsQueuedToTheRunners) {
  Child child(Program, "abandon-what-is-queued");
  EXPECT_EQ(child.status(), 0);
  EXPECT_EQ(child.output(), "destroyed\non a runner\n");
}

TEST(SupervisorProcessTest, AHookThatHangsTimesOutAndIsTheStraggler) {
  Child child(Program, "hung-hook");
  EXPECT_EQ(child.status(), 2);
  EXPECT_EQ(child.output(), "timed out\nhook\n");
}

TEST(SupervisorProcessTest, ADestructorThatThrowsOnTheWayOutIsAFailureLikeAnyOther) {
  Child child(Program, "throws-in-destructor");
  EXPECT_EQ(child.status(), 0);
}

TEST(SupervisorProcessTest, ATaskThatEndsItsThreadEndsTheProcessAndIsNamed) {
  for (const char* mode : {"pthread-exit", "coroutine-pthread-exit"}) {
    Child child(Program, mode);
    EXPECT_EQ(child.status(), 128 + SIGABRT);
    EXPECT_THAT(child.output(), HasSubstr("task 'quitter' ended its thread"));
  }
}

TEST(SupervisorProcessTest, ATaskMayCallExit) {
  Child child(Program, "exits");
  EXPECT_EQ(child.status(), 7);
}

TEST(SupervisorProcessTest, ATaskThatDestroysItsOwnSupervisorEndsTheProcessAndIsNamed) {
  Child child(Program, "destroys-its-own-supervisor");
  EXPECT_EQ(child.status(), 128 + SIGABRT);
  EXPECT_THAT(child.output(), HasSubstr("~Supervisor() called in task 'suicidal'"));
}

TEST(SupervisorProcessTest, AForkedChildIsRefusedAndHarmsNobody) {
  Child child(Program, "forks");
  EXPECT_EQ(child.status(), 0);
  EXPECT_EQ(child.output(), "each child was refused\n");
}

TEST(SupervisorProcessTest, WithoutAThreadTheStartFailsAndEverythingIsAsBefore) {
  if (engin::test::under_asan) GTEST_SKIP() << "LeakSanitizer needs a thread of its own at the end";
  Child child(Program, "no-threads");
  EXPECT_EQ(child.status(), 0);
  EXPECT_THAT(child.output(), EndsWith("as before\nall destroyed\n"));
}

TEST(SupervisorProcessTest, WithoutAThreadWhoWaitsForTheShutdownDoesItAndAnotherOneSleeps) {
  if (engin::test::under_asan) GTEST_SKIP() << "LeakSanitizer needs a thread of its own at the end";
  Child child(Program, "no-threads-to-shut-down");
  EXPECT_EQ(child.status(), 0);
  EXPECT_EQ(child.output(), "not yet\nasleep\nat once\n");
}

TEST(SupervisorProcessTest, WithoutOneMoreThreadAJobWaitsUntilThereIsOne) {
  if (engin::test::under_asan) GTEST_SKIP() << "LeakSanitizer needs a thread of its own at the end";
  Child child(Program, "no-more-threads");
  EXPECT_EQ(child.status(), 0) << child.output();
  EXPECT_EQ(child.output(), "it waits, and is told for whom\nit ran\n");
}

TEST(SupervisorProcessTest, StoppedBySigstopAndContinuedItGoesOn) {
  for (int round = 0; round < 3; ++round) {
    Child child(Program, "stopped-for-a-while");
    ASSERT_TRUE(child.wait_for("ready"));
    child.send(SIGSTOP);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));  // that it stands still is what is tested
    child.send(SIGCONT);
    child.write("x");
    EXPECT_EQ(child.status(), 0);
    EXPECT_THAT(child.output(), EndsWith("it goes on\nin order\n"));
  }
}

TEST(SupervisorProcessTest, ADestructorOfWhatATaskCapturedThatThrowsEndsTheProcess) {
  Child child(Program, "captured-destructor-throws");
  EXPECT_EQ(child.status(), 128 + SIGABRT);
  EXPECT_THAT(child.output(), HasSubstr("in the destructor"));
  EXPECT_THAT(child.output(), Not(HasSubstr("not reached")));
}

TEST(SupervisorProcessTest, RunningOutOfMemoryIsATasksOwnFailure) {
  if (engin::test::under_asan)
    GTEST_SKIP() << "AddressSanitizer's operator new ends the process where the plain one throws";
  Child child(Program, "out-of-memory");
  EXPECT_EQ(child.status(), 0);
  EXPECT_EQ(child.output(), "std::bad_alloc\n100000 failures kept\n");
}

TEST(SupervisorProcessTest, TheFailureOfEachAllocationInTurnIsSurvived) {
  Child child(ENGIN_TEST_PROGRAMS "/memory_child", "");
  EXPECT_EQ(child.status(), 0) << child.output();
  EXPECT_THAT(child.output(), HasSubstr("survived the failure of each of"));
}

}  // namespace
