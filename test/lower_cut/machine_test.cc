// The simulated machine does what real ones do: the classic small programs of memory models, and what it must notice.
#include "test/lower_cut/machine.h"

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "base/asymmetric_fence.h"
#include "base/atomic.h"
#include "base/futex.h"
#include "base/mutex.h"

#if defined(__SANITIZE_ADDRESS__)
// A run that fails leaves its fibers where they stand, with what is on their stacks.
extern "C" int __lsan_is_turned_off() { return 1; }
#endif

namespace engin::lower {
namespace {

using base::AsymmetricFence;
using base::Atomic;
using Order = std::memory_order;
using simulation::Exhaustive;

/// Runs two threads in all schedules with few detours, and returns the failures seen.
std::set<std::string> explore(const std::function<void(Machine&)>& main, Machine::Options options = {}) {
  std::set<std::string> failures;
  Exhaustive strategy(4);
  std::size_t runs = 0;
  do {
    Machine machine(strategy, options);
    machine.run([&] { main(machine); }, [] {});
    failures.insert(machine.failure());
  } while (strategy.advance() && ++runs < 200'000);
  return failures;
}

void together(Machine& machine, std::function<void()> a, std::function<void()> b) {
  SimThread& first = machine.start_thread("a", std::move(a));
  SimThread& second = machine.start_thread("b", std::move(b));
  for (SimThread* thread : {&first, &second}) {
    machine.join(*thread, TimePoint::max());
    thread->detached = true;
  }
}

/// Each of two threads stores, passes its fence, and loads what the other one stored. Whether both may read zero.
bool both_read_zero(const std::function<void()>& fence_a, const std::function<void()>& fence_b, bool membarrier) {
  Machine::Options options;
  options.membarrier = membarrier;
  const auto failures = explore(
      [&](Machine& machine) {
        Atomic<int> x{0};
        Atomic<int> y{0};
        int a = 1;
        int b = 1;
        together(
            machine,
            [&] {
              x.store(1, Order::relaxed);
              fence_a();
              a = y.load(Order::relaxed);
            },
            [&] {
              y.store(1, Order::relaxed);
              fence_b();
              b = x.load(Order::relaxed);
            });
        if (a == 0 && b == 0) machine.fail("both");
      },
      options);
  return failures.contains("both");
}

TEST(MachineTest, StoresWaitInABufferUnlessAFenceDrainsIt) {
  const auto none = [] {};
  const auto full = [] { base::thread_fence(Order::seq_cst); };
  EXPECT_TRUE(both_read_zero(none, none, true));
  EXPECT_TRUE(both_read_zero(full, none, true));
  EXPECT_FALSE(both_read_zero(full, full, true));
}

TEST(MachineTest, AHeavyFenceDrainsTheBuffersOfAll) {
  const auto none = [] {};
  const auto light = [] { AsymmetricFence::light(); };
  const auto heavy = [] { AsymmetricFence::heavy(); };
  EXPECT_FALSE(both_read_zero(light, heavy, true));
  EXPECT_TRUE(both_read_zero(light, light, true));
  EXPECT_FALSE(both_read_zero(light, heavy, false));
  EXPECT_TRUE(both_read_zero(none, heavy, false));
}

TEST(MachineTest, DataIsRacedForUnlessAReleaseIsAcquired) {
  const auto races = [](Order store, Order load) {
    const auto failures = explore([&](Machine& machine) {
      Atomic<bool> flag{false};
      PlainData data;
      together(
          machine,
          [&] {
            data.touch("data");
            flag.store(true, store);
          },
          [&] {
            if (flag.load(load)) data.touch("data");
          });
    });
    return failures.size() > 1;
  };
  EXPECT_FALSE(races(Order::release, Order::acquire));
  EXPECT_TRUE(races(Order::relaxed, Order::acquire));
  EXPECT_TRUE(races(Order::release, Order::relaxed));
}

TEST(MachineTest, AMutexExcludesAndHandsOn) {
  const auto failures = explore([](Machine& machine) {
    base::Mutex mutex;
    PlainData data;
    const auto touch = [&] {
      const base::Lock lock(mutex);
      data.touch("data");
    };
    together(machine, touch, touch);
  });
  EXPECT_EQ(failures, std::set<std::string>{""});
}

TEST(MachineTest, ALostWakeUpIsNoticed) {
  const auto lost = [](bool looks_again) {
    const auto failures = explore([&](Machine& machine) {
      base::FutexWord word{0};
      together(
          machine,
          [&] {
            word.store(1, Order::release);
            base::futex_wake_all(word);
          },
          [&] {
            if (word.load(Order::acquire) == 0) base::futex_wait(word, looks_again ? 0 : word.load(), TimePoint::max());
          });
    });
    return failures.size() > 1;
  };
  EXPECT_FALSE(lost(true));
  EXPECT_TRUE(lost(false));
}

}  // namespace
}  // namespace engin::lower
