// A life of a supervisor in which one allocation fails: the first, the second, ... until none is left to fail. Whatever
// cannot be had, the supervisor stays whole: a call throws std::bad_alloc and has changed nothing, or a task fails, or
// an event goes missing and is counted.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>

#include "engin/supervisor.h"
#include "test/support/process_threads.h"

namespace {

using namespace std::chrono_literals;
using namespace engin;

std::atomic<long> until_failure{-1};  // counts down; at zero one allocation fails; negative: none does

bool fails() { return until_failure.load(std::memory_order_relaxed) >= 0 && until_failure.fetch_sub(1) == 0; }

void* take(std::size_t size) {
  if (fails()) return nullptr;
  return std::malloc(size);
}

/// For runners, which have cache lines of their own.
void* take_aligned(std::size_t size, std::align_val_t alignment) {
  if (fails()) return nullptr;
  const auto n = static_cast<std::size_t>(alignment);
  return std::aligned_alloc(n, (size + n - 1) / n * n);
}

struct Counting : Observer {
  std::atomic<int> failed{0}, began{0}, ended{0};
  void on_event(const Event& event) override {
    if (event.kind == EventKind::Failed) failed.fetch_add(1);
    if (event.kind == EventKind::ShutdownBegan) began.fetch_add(1);
    if (event.kind == EventKind::ShutdownEnded) ended.fetch_add(1);
  }
};

#define REQUIRE(condition)                                              \
  do {                                                                  \
    if (!(condition)) {                                                 \
      std::printf("allocation %ld: %s does not hold\n", n, #condition); \
      std::exit(1);                                                     \
    }                                                                   \
  } while (false)

/// True if an allocation failed.
bool live(long n) {
  auto observer = std::make_shared<Counting>();
  std::atomic<int> thrown{0};
  std::atomic<int> hooks{0};
  bool struck = false;
  {
    Supervisor s({.name = "short of memory", .runners = 1, .observers = {observer}, .default_observer = false});
    std::uint64_t tasks = 0;
    const int threads = test::threads_of_this_process();
    until_failure.store(n);
    try {
      s.start();
    } catch (const std::exception&) {  // bad_alloc, or StartFailed
      REQUIRE(test::threads_of_this_process() == threads);
      s.start();
    }
    // Registered, or refused with the supervisor as it was.
    const auto attempted = [&](auto supervise) {
      const std::uint64_t before = tasks;
      try {
        TaskHandle handle = supervise();
        ++tasks;
        return handle;
      } catch (const std::bad_alloc&) {
        REQUIRE(tasks == before);
        return TaskHandle();
      }
    };
    TaskHandle retried = attempted([&] {
      return s.supervise(
          [&] {
            if (thrown.load() < 3) {
              thrown.fetch_add(1);
              throw std::runtime_error("a failure whose text takes a little more room");
            }
          },
          {.name = "retried", .on_exception = OnException::Retry, .backoff = Backoff::constant(100us)});
    });
    TaskHandle hooked = attempted([&] {
      return s.supervise(
          [](std::stop_token) -> Co<> {
            while (co_await sleep_for(1h)) {
            }
          },
          {.name = "hooked", .on_exception = OnException::Ignore, .shutdown_hook = [&] { hooks.fetch_add(1); }});
    });
    TaskHandle periodic =
        attempted([&] { return s.supervise(every(100us, [] {}), {.on_exception = OnException::Ignore}); });
    if (retried) retried.wait_for(10s);
    if (hooked) {
      hooked.stop(10s);
      try {
        hooked.restart();
      } catch (const std::bad_alloc&) {
      }
    }
    s.request_shutdown("a reason whose text takes a little more room");
    const ShutdownReport& report = s.shutdown();
    struck = until_failure.exchange(-1) < 0;
    REQUIRE(report.stragglers.empty());
    REQUIRE(s.snapshot().total_tasks == tasks);
    REQUIRE(report.duration < 10s);
    if (retried) {
      // A bad_alloc of its own may be one more failure; none of those that were thrown may be missing.
      REQUIRE(retried.snapshot().failed >= 3 || retried.snapshot().attempt == 0);
      REQUIRE(retried.state() == TaskState::Completed || is_ended(retried.state()));
    }
    REQUIRE(observer->began + observer->ended == 2 || s.snapshot().undelivered_events > 0);
    REQUIRE(static_cast<std::uint64_t>(observer->failed.load()) + s.snapshot().undelivered_events >=
            (retried ? retried.snapshot().failed : 0));
  }
  return struck;
}

}  // namespace

// ThreadSanitizer's allocator cannot be replaced; the plain and the address sanitizer's run do this.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ENGIN_KEEPS_ALLOCATOR 1
#endif
#endif

#ifndef ENGIN_KEEPS_ALLOCATOR
// NOLINTBEGIN(misc-new-delete-overloads)
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"  // both are replaced here, by malloc and free
#endif
void* operator new(std::size_t size) {
  if (void* memory = take(size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return take(size); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  if (void* memory = take_aligned(size, alignment)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return take_aligned(size, alignment);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
// NOLINTEND(misc-new-delete-overloads)
#endif

int main() {
  long n = 0;
#ifdef ENGIN_KEEPS_ALLOCATOR
  (void)take;
  (void)take_aligned;
  live(0);
#else
  while (live(n)) ++n;
#endif
  std::printf("survived the failure of each of %ld allocations\n", n);
  return 0;
}
