#include "runtime/threaded_runtime.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "engin/errors.h"
#include "runtime/control_runner.h"
#include "runtime/deadlines.h"
#include "runtime/growth_monitor.h"
#include "runtime/restart_scheduler.h"
#include "runtime/runner_pool.h"
#include "runtime/waiting.h"

namespace engin::runtime {

namespace {

// How long stop() waits for a job that runs: long enough for one that is just returning, also on a busy machine.
constexpr Duration kGrace = std::chrono::milliseconds(500);

RunnerPool::Options pool_options(const ThreadedOptions& options) {
  const int runners = std::max(options.runners, 1);
  return {.name = options.name.empty() ? "engin" : options.name,
          .runners = runners,
          .max_runners = std::max(options.max_runners, runners),
          .stack_size = options.runner_stack_size};
}

/// Puts the parts together: see runtime.h for what each function means.
class ThreadedRuntime final : public Runtime, public std::enable_shared_from_this<ThreadedRuntime> {
 public:
  explicit ThreadedRuntime(const ThreadedOptions& options)
      : pool_(pool_options(options), deadlines_),
        control_(pool_),
        monitor_(pool_, control_),
        scheduler_(deadlines_, pool_),
        name_(pool_options(options).name) {}

  TimePoint now() const noexcept override { return base::now(); }

  void start(Listener& listener) override;
  void run_inline() noexcept override;
  void stop() noexcept override;
  void stop_later(const void* about, std::function<bool()> done, std::function<void()> then) noexcept override;

  void post(Job& job, Lane lane) noexcept override {
    lane == Lane::Control ? control_.post(job) : pool_.post(job, lane);
  }
  void post(JobList& jobs, Lane lane) noexcept override { pool_.post(jobs, lane); }
  bool others_ready() const noexcept override { return pool_.others_ready(); }
  void next_job(const JobType& type) noexcept override {
    if (Runner* runner = pool_.here()) runner->begin_job(type);
  }
  std::string left_behind() const override { return pool_.here() != nullptr ? pool_.left_behind() : std::string(); }

  void arm(Timer& timer, TimePoint due, std::uint32_t tag) noexcept override { rearm(timer, due, tag); }
  bool rearm(Timer& timer, TimePoint due, std::uint32_t tag) noexcept override {
    return deadlines_.rearm(timer, due, tag, pool_.core_here());
  }
  bool cancel(Timer& timer) noexcept override { return deadlines_.cancel(timer); }

  bool wait(const void* about, absl::FunctionRef<bool()> done, TimePoint deadline) override {
    return waiters_.wait(about, done, deadline);
  }
  void notify_waiters(const void* about) noexcept override { waiters_.notify(about); }
  bool sleep(const std::stop_token& token, TimePoint until) override { return sleep_until(token, until); }

  std::uint64_t random_seed() noexcept override;
  Stats stats() const noexcept override;

 private:
  base::Thread::Options thread_options(const char* role);

  Deadlines deadlines_;
  RunnerPool pool_;
  ControlRunner control_;
  GrowthMonitor monitor_;
  RestartScheduler scheduler_;
  WaitingRoom waiters_;
  const std::string name_;
};

base::Thread::Options ThreadedRuntime::thread_options(const char* role) {
  return {.name = name_ + role, .stack_size = 0, .keep_alive = shared_from_this()};
}

void ThreadedRuntime::start(Listener& listener) {
  // All that may find no memory comes before the first thread.
  base::Thread::Options control = thread_options("/control");
  base::Thread::Options monitor = thread_options("/monitor");
  base::Thread::Options timer = thread_options("/timer");
  int error = control_.start(std::move(control));
  if (error == 0) error = monitor_.start(listener, std::move(monitor));
  if (error == 0) error = scheduler_.start(std::move(timer));
  // Last, since it runs jobs.
  if (error == 0) error = pool_.start(listener, shared_from_this());
  if (error == 0) {
    control_.open();
    return;
  }
  scheduler_.stop();
  monitor_.stop();
  control_.end();
  control_.join_or_leave(TimePoint::max());
  throw StartFailed("engin: cannot start a thread: " + std::generic_category().message(error));
}

void ThreadedRuntime::run_inline() noexcept {
  while (control_.run_one() || pool_.run_one()) {
  }
}

void ThreadedRuntime::stop() noexcept {
  const TimePoint deadline = base::now() + kGrace;
  control_.end();
  scheduler_.stop();
  monitor_.stop();
  pool_.stop(deadline);
  control_.join_or_leave(deadline);
  // Jobs that were overtaken by events still hold references; running one finds that out and lets go.
  run_inline();
}

void ThreadedRuntime::stop_later(const void* about, std::function<bool()> done, std::function<void()> then) noexcept {
  struct Last {
    std::shared_ptr<ThreadedRuntime> runtime;
    const void* about;
    std::function<bool()> done;
    std::function<void()> then;
    base::Thread thread = {};
  };
  try {
    const auto last = std::make_shared<Last>(shared_from_this(), about, std::move(done), std::move(then));
    const auto main = [](void* argument) {
      auto& self = *static_cast<Last*>(argument);
      self.runtime->wait(self.about, self.done, TimePoint::max());
      self.runtime->stop();
      self.then();
    };
    if (last->thread.start({.name = name_ + "/last", .stack_size = 0, .keep_alive = last}, main, last.get()) == 0) {
      last->thread.join_or_leave(TimePoint::min());
    }
  } catch (...) {  // no memory
  }
}

std::uint64_t ThreadedRuntime::random_seed() noexcept {
  std::uint64_t seed = 0;
  if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) == sizeof seed) return seed;
  return static_cast<std::uint64_t>(base::now().time_since_epoch().count()) ^ static_cast<std::uint64_t>(getpid());
}

Stats ThreadedRuntime::stats() const noexcept {
  return {.runners = pool_.runners(),
          .max_runners = pool_.max_runners(),
          .captured = pool_.captured(),
          .ready = pool_.ready().all,
          .starving = monitor_.starving()};
}

}  // namespace

std::shared_ptr<Runtime> make_threaded_runtime(const ThreadedOptions& options) {
  return std::make_shared<ThreadedRuntime>(options);
}

}  // namespace engin::runtime
