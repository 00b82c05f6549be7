// Jobs from lambdas, a started runtime, and waits that end.
#ifndef ENGIN_TEST_RUNTIME_JOB_KIT_H_
#define ENGIN_TEST_RUNTIME_JOB_KIT_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "runtime/runtime.h"
#include "runtime/threaded_runtime.h"

namespace engin::runtime {

inline constexpr auto kPatience = std::chrono::seconds(10);

/// A number that threads raise and wait for.
class Count {
 public:
  void add(int n = 1) {
    const std::lock_guard lock(mutex_);
    value_ += n;
    changed_.notify_all();
  }
  int value() const {
    const std::lock_guard lock(mutex_);
    return value_;
  }
  /// False if it does not get there in ten seconds.
  [[nodiscard]] bool reaches(int n) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return value_ >= n; });
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  int value_ = 0;
};

/// Something that happens once.
class Gate {
 public:
  void open() { count_.add(); }
  /// False if it does not open in ten seconds.
  bool wait() const { return count_.reaches(1); }

 private:
  Count count_;
};

/// Asks until it is true; false after ten seconds. For what nothing tells about, such as a thread having parked.
template <class F>
[[nodiscard]] bool eventually(F condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

/// Whether the process comes to rest: there is a stretch in which its threads went to sleep at most `most` times.
/// `stretch` returns when it is over, which a timer of what is tested says; false: that did not fire. Tries for ten
/// seconds.
[[nodiscard]] bool falls_quiet(const std::function<bool()>& stretch, long most);

struct FunctionJob : Job {
  FunctionJob(const JobType& t, std::function<void()> f) : Job(t), function(std::move(f)) {}
  static void run(Job& job) noexcept { static_cast<FunctionJob&>(job).function(); }
  std::function<void()> function;
};

/// A plain callable, one that says that it blocks, a step of a coroutine.
inline constexpr JobType kPlain{&FunctionJob::run, std::chrono::microseconds(200), true};
inline constexpr JobType kBlocking{&FunctionJob::run, Duration::zero(), true};
inline constexpr JobType kStep{&FunctionJob::run, std::chrono::milliseconds(1)};

struct CountingListener final : Listener {
  void runner_added(int /*runners*/) noexcept override { added.fetch_add(1); }
  void starving(std::size_t ready, bool refused) noexcept override {
    (refused ? times_refused : times_full).fetch_add(1);
    ready_when_starving.store(ready);
  }
  std::atomic<int> added{0};
  std::atomic<int> times_full{0};
  std::atomic<int> times_refused{0};
  std::atomic<std::size_t> ready_when_starving{0};
};

/// A runtime with jobs that live as long as it does.
class TestRuntime {
 public:
  explicit TestRuntime(ThreadedOptions options) : runtime_(make_threaded_runtime(options)) {}
  explicit TestRuntime(int runners) : TestRuntime(ThreadedOptions{.runners = runners}) {}
  TestRuntime(const TestRuntime&) = delete;
  TestRuntime& operator=(const TestRuntime&) = delete;
  ~TestRuntime() { stop(); }

  TestRuntime& start() {
    runtime_->start(listener);
    started_ = true;
    return *this;
  }
  void stop() {
    if (std::exchange(started_, false)) runtime_->stop();
  }
  /// Any thread.
  Job& make(const JobType& type, std::function<void()> f) {
    const std::lock_guard lock(mutex_);
    return jobs_.emplace_back(type, std::move(f));
  }
  void post(const JobType& type, Lane lane, std::function<void()> f) { runtime_->post(make(type, std::move(f)), lane); }

  Runtime* operator->() { return runtime_.get(); }
  Runtime& operator*() { return *runtime_; }

  CountingListener listener;

 private:
  std::shared_ptr<Runtime> runtime_;
  std::mutex mutex_;
  std::deque<FunctionJob> jobs_;
  bool started_ = false;
};

/// How many threads the process has. Workers of oneTBB may end at any time.
int thread_count();
/// For messages.
std::string thread_names();

}  // namespace engin::runtime

#endif  // ENGIN_TEST_RUNTIME_JOB_KIT_H_
