#include "test/stress/storm.h"

#include <atomic>
#include <deque>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>

#include <unistd.h>

#include "engin/supervisor.h"

namespace engin::stress {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t MostTasks = 40;
constexpr Duration Patience = 60s;

std::mutex present_mutex;
Supervisor* present = nullptr;
std::atomic<bool> next_hangs{false};

using Random = std::minstd_rand;
std::uint32_t up_to(Random& random, std::uint32_t n) { return static_cast<std::uint32_t>(random() % (n + 1)); }

/// What everything in a life counts.
struct Counts {
  std::atomic<std::int64_t> objects{0};  // callables and what they captured
  std::atomic<std::int64_t> frames{0};
  std::atomic<std::int64_t> inside{0};  // bodies and hooks that run
  std::atomic<std::uint64_t> thrown{0};
  std::atomic<std::uint64_t> started{0};
  std::atomic<std::uint64_t> told_started{0};
  std::atomic<std::uint64_t> told_failed{0};
  std::atomic<bool> quiet{false};  // after a clean report nothing may run

  std::mutex mutex;
  std::vector<std::string> wrong;
  void fail(std::string what) {
    const std::lock_guard lock(mutex);
    if (wrong.size() < 20) wrong.push_back(std::move(what));
  }
};

class Alive {
 public:
  explicit Alive(std::atomic<std::int64_t>& count) : count_(&count) { count_->fetch_add(1); }
  Alive(const Alive&) = delete;
  Alive& operator=(const Alive&) = delete;
  ~Alive() { count_->fetch_sub(1); }

 private:
  std::atomic<std::int64_t>* count_;
};

class Told : public Observer {
 public:
  explicit Told(Counts& counts) : counts_(counts) {}
  void on_event(const Event& event) override {
    if (counts_.quiet.load())
      counts_.fail("S6: after a clean report an observer was told " + std::string(to_string(event.kind)));
    if (event.kind == EventKind::AttemptStarted) counts_.told_started.fetch_add(1);
    if (event.kind == EventKind::Failed || (event.kind == EventKind::Stopped && event.failure)) {
      counts_.told_failed.fetch_add(1);
    }
  }

 private:
  Counts& counts_;
};

/// Shared by a task's attempts.
struct TaskPart {
  explicit TaskPart(Counts& c, std::uint64_t s) : counts(c), alive(c.objects), random(static_cast<std::uint32_t>(s)) {}
  Counts& counts;
  Alive alive;
  std::atomic<int> live{0};
  std::atomic<int> hooks{0};
  Random random;  // of the attempt that is live: there is one at a time
};
using Part = std::shared_ptr<TaskPart>;

/// From the first to the last instruction of an attempt or call.
class Inside {
 public:
  Inside(TaskPart& part, std::atomic<int>& live, const char* what)
      : part_(part), live_(live), frame_(part.counts.frames) {
    part_.counts.inside.fetch_add(1);
    if (live_.fetch_add(1) != 0) part_.counts.fail(std::string("S1: two at once: ") + what);
    if (part_.counts.quiet.load()) part_.counts.fail(std::string("S6: after a clean report began ") + what);
  }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  ~Inside() {
    live_.fetch_sub(1);
    part_.counts.inside.fetch_sub(1);
  }

 private:
  TaskPart& part_;
  std::atomic<int>& live_;
  Alive frame_;
};

[[noreturn]] void throw_something(TaskPart& part) {
  part.counts.thrown.fetch_add(1);
  if (up_to(part.random, 3) == 0) throw 42;
  throw std::runtime_error("as planned");
}

// The packaged Abseil counts references to a Status in code that ThreadSanitizer does not see, so where two threads
// hold copies of one it reports a race that is none.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ENGIN_NO_STATUS 1
#endif
#endif

/// How an attempt ends, drawn when it begins.
absl::Status end(TaskPart& part, std::uint32_t draw) {
#ifdef ENGIN_NO_STATUS
  if (draw < 7) throw_something(part);
#else
  if (draw < 4) throw_something(part);
  if (draw < 7) {
    part.counts.thrown.fetch_add(1);
    return absl::UnavailableError("as planned");
  }
#endif
  return absl::OkStatus();
}

Duration short_time(Random& random) { return std::chrono::microseconds(up_to(random, 1500)); }

auto plain(Part part) {
  return [part = std::move(part)](std::stop_token stop) {
    const Inside inside(*part, part->live, "attempt");
    part->counts.started.fetch_add(1);
    Random& random = part->random;
    const std::uint32_t draw = up_to(random, 9);
    if (up_to(random, 1) == 0) this_task::ready();
    switch (up_to(random, 3)) {
      case 0:
        (void)this_task::sleep_for(short_time(random));
        break;
      case 1: {
        const std::stop_callback wake(stop, [&] { (void)part->live.load(); });
        (void)this_task::sleep_for(short_time(random));
        break;
      }
      case 2:
        while (draw == 9 && this_task::sleep_for(1h)) {
        }
        break;
      default:
        break;
    }
    return end(*part, draw);
  };
}

auto coroutine(Part part, Wakeup& wakeup) {
  return [part = std::move(part), &wakeup](std::stop_token) -> Co<absl::Status> {
    const Inside inside(*part, part->live, "attempt");
    part->counts.started.fetch_add(1);
    Random& random = part->random;
    const std::uint32_t draw = up_to(random, 9);
    bool goes_on = true;
    for (std::uint32_t n = up_to(random, 4); goes_on && n > 0; --n) {
      switch (up_to(random, 6)) {
        case 0:
          goes_on = co_await sleep_for(short_time(random));
          break;
        case 1:
          goes_on = co_await yield();
          break;
        case 2:
          goes_on = co_await wakeup.wait();
          break;
        case 3:
          goes_on = co_await wakeup.wait_for(short_time(random)) != WaitResult::Stopped;
          break;
        case 4: {
          const Duration d = short_time(random);
          auto wait = [d] { return this_task::sleep_for(d); };
          goes_on = co_await blocking(wait);
          break;
        }
        case 5:
          (void)co_await sleep_for(short_time(random), ignore_stop);
          break;
        default:
          this_task::ready();
          break;
      }
    }
    while (goes_on && draw == 9) goes_on = co_await sleep_for(1h);
    co_return end(*part, draw);
  };
}

auto call(Part part) {
  return [part = std::move(part)] {
    const Inside inside(*part, part->live, "call");
    return end(*part, up_to(part->random, 20));
  };
}

void never_ends() {
  for (;;) std::this_thread::sleep_for(1h);
}

class Life {
 public:
  Life(const StormOptions& options, const std::function<void()>& alive)
      : given_(options), alive_(alive), random_(static_cast<std::uint32_t>(options.seed * 7919 + 1)) {
    SupervisorOptions o;
    o.name = "storm";
    o.runners = options.runners;
    o.shutdown_timeout = Patience;
    o.stop_order = up_to(random_, 4) == 0 ? StopOrder::Reverse : StopOrder::Together;
    o.default_observer = false;
    o.random_seed = options.seed;
    if (up_to(random_, 1) == 0) {
      o.observers.push_back(std::make_shared<Told>(counts_));
      observed_ = true;
    }
    supervisor_.emplace(std::move(o));
    const std::lock_guard lock(present_mutex);
    present = &*supervisor_;
  }
  Life(const Life&) = delete;
  Life& operator=(const Life&) = delete;

  ~Life() { forget(); }

  std::vector<std::string> run() {
    if (next_hangs.exchange(false)) {
      supervisor_->supervise(&never_ends, {.name = "the one that hangs"});
      supervisor_->start();
      supervisor_->wait();
    }
    const std::uint32_t early = up_to(random_, 5);
    for (std::uint32_t i = 0; i < early; ++i) supervise(random_);
    if (up_to(random_, 15) != 0) supervisor_->start();
    std::vector<std::thread> threads;
    for (int i = 0; i < given_.threads; ++i) {
      const auto seed = static_cast<std::uint32_t>(random_());
      const auto actions = up_to(random_, static_cast<std::uint32_t>(given_.actions));
      const bool ends_it = i == 0 && up_to(random_, 2) != 0;
      threads.emplace_back([this, seed, actions, ends_it] {
        Random random(seed);
        for (std::uint32_t n = 0; n < actions; ++n) act(random);
        if (ends_it) supervisor_->request_shutdown("as planned");
      });
    }
    const bool at_once = up_to(random_, 2) == 0;
    if (!at_once) join(threads);
    shut_down();
    join(threads);
    finish();
    return std::move(counts_.wrong);
  }

 private:
  static void join(std::vector<std::thread>& threads) {
    for (std::thread& thread : threads) thread.join();
    threads.clear();
  }

  void forget() {
    {
      const std::lock_guard lock(present_mutex);
      present = nullptr;
    }
    supervisor_.reset();
  }

  TaskOptions draw_options(Random& random, const Part& part) {
    TaskOptions o;
    const std::uint32_t kind = up_to(random, 39);
    o.on_exception = kind == 0 ? OnException::Shutdown : kind < 26 ? OnException::Retry : OnException::Ignore;
    o.on_return = up_to(random, 3) == 0 ? OnReturn::Restart : OnReturn::Finish;
    switch (up_to(random, 2)) {
      case 0:
        o.backoff = Backoff::immediate();
        break;
      case 1:
        o.backoff = Backoff::constant(short_time(random));
        break;
      default:
        o.backoff = {.initial = 100us, .max = 3ms};
        break;
    }
    if (up_to(random, 3) == 0) {
      o.restart_limit = {.max_restarts = 1 + up_to(random, 4), .window = 1h};
      o.restart_limit.then = up_to(random, 1) == 0 ? OnLimit::GiveUp : OnLimit::CoolDown(1ms);
    }
    o.stop_timeout = Patience;
    o.hook_timeout = Patience;
    o.blocking = up_to(random, 9) == 0;
    if (up_to(random, 2) == 0) {
      o.shutdown_hook = [part, d = up_to(random, 1) == 0 ? Duration::zero() : short_time(random)] {
        const Inside inside(*part, part->hooks, "hook");
        if (d > Duration::zero()) (void)this_task::sleep_for(d);
      };
    }
    return o;
  }

  void supervise(Random& random) {
    auto part = std::make_shared<TaskPart>(counts_, random());
    TaskOptions o = draw_options(random, part);
    TaskHandle handle;
    try {
      switch (up_to(random, 2)) {
        case 0:
          handle = supervisor_->supervise(plain(part), std::move(o));
          break;
        case 1:
          handle = supervisor_->supervise(coroutine(part, wakeup_), std::move(o));
          break;
        default: {
          const Duration period = 200us + short_time(random);
          o.on_return = OnReturn::Finish;
          handle = supervisor_->supervise(every(period, call(part)), std::move(o));
          break;
        }
      }
    } catch (const SupervisorStopping&) {
      if (!supervisor_->shutdown_cause()) counts_.fail("S7: refused before shutdown began");
      return;
    }
    const std::lock_guard lock(mutex_);
    if (handles_.size() < MostTasks) {
      handles_.push_back(std::move(handle));
    } else {
      handles_[random() % handles_.size()] = std::move(handle);  // the one before goes without a handle
    }
  }

  TaskHandle pick(Random& random) {
    const std::lock_guard lock(mutex_);
    return handles_.empty() ? TaskHandle() : handles_[random() % handles_.size()];
  }

  void act(Random& random) {
    alive_();
    const std::uint32_t what = up_to(random, 29);
    if (what < 5) return supervise(random);
    if (what < 8) return wakeup_.notify();
    if (what == 8) return wakeup_.notify_all();
    const TaskHandle task = pick(random);
    if (!task) return;
    if (what < 14) {
      (void)task.restart();
    } else if (what < 18) {
      task.request_stop();
    } else if (what < 21) {
      (void)task.stop(5 * short_time(random));  // another thread's restart() may undo it
    } else if (what < 25) {
      (void)task.remove();
    } else if (what == 25) {
      (void)task.snapshot().explain();
    } else if (what == 26) {
      (void)supervisor_->snapshot();
    } else if (what == 27) {
      (void)task.wait_for(short_time(random));
    } else if (what == 28) {
      (void)supervisor_->find(task.name());
    } else {
      const std::lock_guard lock(mutex_);
      if (!handles_.empty()) {
        std::swap(handles_[random() % handles_.size()], handles_.back());
        handles_.pop_back();
      }
    }
  }

  void shut_down() {
    const ShutdownReport& report = supervisor_->shutdown();
    alive_();
    if (!report.stragglers.empty()) counts_.fail("L1: a straggler: " + report.stragglers.front().name);
    if (report.duration > Patience / 2) counts_.fail("T2: shutdown took half a minute");
    if (report.clean()) counts_.quiet.store(true);
    if (const std::int64_t n = counts_.inside.load(); n != 0) {
      counts_.fail("S6: " + std::to_string(n) + " bodies or hooks run after the report");
    }
  }

  void finish() {
    // What threads that were slower than the shutdown asked for is refused; what they stop has ended.
    const SupervisorSnapshot last = supervisor_->snapshot();
    if (last.total_started < counts_.started.load()) counts_.fail("S2: attempts that nobody counted");
    if (observed_ && last.undelivered_events == 0) {
      if (last.total_started != counts_.told_started.load()) counts_.fail("S9: an attempt's start was not told");
      if (counts_.thrown.load() != counts_.told_failed.load()) {
        counts_.fail("S10: " + std::to_string(counts_.thrown.load()) + " failures thrown, " +
                     std::to_string(counts_.told_failed.load()) + " told");
      }
    }
    {
      const std::lock_guard lock(mutex_);
      handles_.clear();
    }
    forget();
    if (const std::int64_t n = counts_.objects.load(); n != 0) {
      counts_.fail("M1: " + std::to_string(n) + " callables were not destroyed");
    }
    if (counts_.frames.load() != 0) counts_.fail("M1: frames were not destroyed");
  }

  const StormOptions given_;
  const std::function<void()>& alive_;
  Random random_;
  Counts counts_;
  Wakeup wakeup_;
  bool observed_ = false;
  std::mutex mutex_;
  std::vector<TaskHandle> handles_;
  std::optional<Supervisor> supervisor_;
};

}  // namespace

std::vector<std::string> storm(const StormOptions& options, const std::function<void()>& alive) {
  return Life(options, alive).run();
}

void tell_of_present_life(std::ostream& out) {
  const std::lock_guard lock(present_mutex);
  if (present != nullptr) {
    present->dump(out);
  } else {
    out << "no supervisor is there\n";
  }
}

void hang_next_life() { next_hangs.store(true); }

std::size_t resident_memory() {
  std::size_t total = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace engin::stress
