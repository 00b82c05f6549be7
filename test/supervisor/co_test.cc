#include "engin/co.h"

#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "test/support/virtual_supervisor.h"

namespace engin {
namespace {

using namespace std::chrono_literals;
using test::Counted;

class CoTest : public test::VirtualTest {};
ENGIN_WITH_SEEDS(CoTest);

Co<int> add(int a, int b) {
  (void)co_await sleep_for(1s);
  co_return a + b;
}
Co<std::string> text(int depth) {
  if (depth == 0) co_return "end";
  co_return "." + co_await text(depth - 1);
}
Co<> fail_after(Duration d) {
  (void)co_await sleep_for(d);
  throw std::runtime_error("late");
}

TEST_P(CoTest, GivesTheValueOfWhatItAwaits) {
  Supervisor s(options());
  int sum = 0;
  std::string dots;
  auto task = s.supervise([&]() -> Co<> {
    sum = co_await add(2, 3);
    dots = co_await text(5);
  });
  s.start();
  EXPECT_EQ(task.wait(), Outcome::Completed);
  EXPECT_EQ(sum, 5);
  EXPECT_EQ(dots, ".....end");
}

TEST_P(CoTest, AwaitsANamedCoroutine) {
  Supervisor s(options());
  int sum = 0;
  auto task = s.supervise([&]() -> Co<> {
    auto adding = add(2, 3);
    sum = co_await adding;
  });
  s.start();
  EXPECT_EQ(task.wait(), Outcome::Completed);
  EXPECT_EQ(sum, 5);
}

TEST_P(CoTest, ExceptionsTravelUpToWhoAwaits) {
  Supervisor s(options());
  std::string caught;
  auto task = s.supervise(
      [&]() -> Co<> {
        try {
          co_await fail_after(1s);
        } catch (const std::runtime_error& e) {
          caught = e.what();
        }
        co_await fail_after(1s);
      },
      {.on_exception = OnException::Ignore});
  s.start();
  const Outcome outcome = task.wait();
  EXPECT_EQ(outcome, Outcome::Failed);
  EXPECT_EQ(caught, "late");
  ASSERT_TRUE(outcome.failure());
  EXPECT_EQ(outcome.failure()->type(), "std::runtime_error");
  EXPECT_EQ(outcome.failure()->message(), "late");
  EXPECT_NE(outcome.failure()->as<std::runtime_error>(), nullptr);
}

TEST_P(CoTest, AStatusThatIsNotOkIsAFailure) {
  Supervisor s(options());
  auto task = s.supervise(
      []() -> Co<absl::Status> {
        (void)co_await sleep_for(1s);
        co_return absl::UnavailableError("refused");
      },
      {.on_exception = OnException::Ignore});
  s.start();
  const Outcome outcome = task.wait();
  EXPECT_EQ(outcome, Outcome::Failed);
  EXPECT_EQ(outcome.failure()->status().code(), absl::StatusCode::kUnavailable);
}

TEST_P(CoTest, ARestartCallsTheSameCallableAgainInANewFrame) {
  int frames = 0;
  int calls = 0;
  {
    Supervisor s(options());
    auto task = s.supervise(
        [&, kept = 0]() mutable -> Co<> {
          const Counted frame(frames);
          EXPECT_EQ(frames, 1);
          ++calls;
          if (++kept < 4) {
            (void)co_await sleep_for(1s);
            throw kept;
          }
        },
        {.on_exception = OnException::Retry});
    s.start();
    EXPECT_EQ(task.wait(), Outcome::Completed);
    EXPECT_EQ(calls, 4);
    EXPECT_EQ(task.snapshot().failed, 3U);
  }
  EXPECT_EQ(frames, 0);
}

TEST_P(CoTest, ACallableThatThrowsBeforeItsFirstAwaitFailsLikeAnyOther) {
  Supervisor s(options());
  int calls = 0;
  auto plain = s.supervise(
      [&]() -> Co<> {
        if (++calls < 3) throw std::runtime_error("at once");
        co_return;
      },
      {.on_exception = OnException::Retry});
  // Not a coroutine itself: throws before there is any frame.
  auto maker = s.supervise([]() -> Co<> { throw std::logic_error("no frame"); }, {.on_exception = OnException::Ignore});
  s.start();
  EXPECT_EQ(plain.wait(), Outcome::Completed);
  EXPECT_EQ(maker.wait(), Outcome::Failed);
}

TEST_P(CoTest, ACallableThatGivesANullCoroutineFailsWithATypedError) {
  Supervisor s(options());
  auto task = s.supervise(
      []() -> Co<> {
        auto co = [](int) -> Co<> { co_return; }(1);
        Co<> other = std::move(co);
        return co;  // NOLINT: moved from, on purpose
      },
      {.on_exception = OnException::Ignore});
  s.start();
  const Outcome outcome = task.wait();
  ASSERT_EQ(outcome, Outcome::Failed);
  EXPECT_NE(outcome.failure()->as<NullCoroutine>(), nullptr);
}

TEST_P(CoTest, AwaitingACoroutineThatWasMovedFromIsATypedError) {
  Supervisor s(options());
  auto task = s.supervise(
      []() -> Co<> {
        auto first = add(1, 2);
        auto second = std::move(first);
        co_await second;
        co_await first;  // NOLINT: moved from, on purpose
      },
      {.on_exception = OnException::Ignore});
  s.start();
  EXPECT_NE(task.wait().failure()->as<NullCoroutine>(), nullptr);
}

TEST_P(CoTest, FramesAreDestroyedWhenTheSupervisorEndsAndWhenAnAttemptIsRestartedFromOutside) {
  int frames = 0;
  {
    Supervisor s(options());
    const auto inner = [&]() -> Co<> {
      const Counted frame(frames);
      while (co_await sleep_for(1h)) {
      }
    };
    auto task = s.supervise([&]() -> Co<> {
      const Counted frame(frames);
      co_await inner();
    });
    s.start();
    world.run_until_idle();
    EXPECT_EQ(frames, 2);
    EXPECT_EQ(task.restart(), RestartResult::Started);
    world.run_until_idle();
    EXPECT_EQ(frames, 2);
    EXPECT_EQ(task.snapshot().attempt, 2U);
  }
  EXPECT_EQ(frames, 0);
}

TEST_P(CoTest, ALongChainOfAwaitsThatNeverWaitDoesNotGrowTheStack) {
  Supervisor s(options());
  long long sum = 0;
  auto task = s.supervise([&]() -> Co<> {
    const auto one = []() -> Co<int> { co_return 1; };
    for (int i = 0; i < 200'000; ++i) sum += co_await one();
  });
  s.start();
  EXPECT_EQ(task.wait(), Outcome::Completed);
  EXPECT_EQ(sum, 200'000);
}

TEST_P(CoTest, ThrowingStoppedEndsQuietlyAfterAStopAndFailsWithoutOne) {
  Supervisor s(options());
  auto quiet = s.supervise([]() -> Co<> {
    (void)co_await sleep_for(1h);
    throw Stopped();
  });
  auto loud = s.supervise(
      []() -> Co<> {
        (void)co_await sleep_for(1s);
        throw Stopped();
      },
      {.on_exception = OnException::Ignore});
  s.start();
  EXPECT_EQ(loud.wait(), Outcome::Failed);
  EXPECT_TRUE(s.shutdown().clean());
  EXPECT_EQ(quiet.wait(), Outcome::Stopped);
}

TEST_P(CoTest, WorksAsAHook) {
  Supervisor s(options());
  bool drained = false;
  bool hook_first = false;
  s.supervise(
      [&](std::stop_token) -> Co<> {
        (void)co_await sleep_for(1h);
        hook_first = drained;
      },
      {.shutdown_hook = [&]() -> Co<> {
        EXPECT_TRUE(co_await sleep_for(2s));  // a hook's waits are not cut short by its task's stop
        drained = true;
      }});
  s.start();
  world.run_until_idle();
  EXPECT_TRUE(s.shutdown().clean());
  EXPECT_TRUE(hook_first);
}

}  // namespace
}  // namespace engin
