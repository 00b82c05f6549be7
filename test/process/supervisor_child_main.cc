// Programs in which a task does what ends threads and processes; supervisor_process_test.cc looks at what becomes of
// them.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <latch>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engin/supervisor.h"
#include "test/support/process_threads.h"

namespace {

using namespace std::chrono_literals;
using namespace engin;
using engin::test::threads_of_this_process;

constexpr uid_t NobodyUser = 65534;

void say(const char* text) {
  std::printf("%s\n", text);
  std::fflush(stdout);
}

/// Does not end before `until`, stop or not.
void hang(Duration d) { std::this_thread::sleep_for(d); }

int straggler(OnStraggler on_straggler, Duration hangs) {
  int code = 0;
  {
    Supervisor s({.shutdown_timeout = 300ms, .on_straggler = on_straggler, .default_observer = false});
    Wakeup begun;
    auto task = s.supervise(
        [hangs, done = std::make_shared<std::string>("the straggler ended")] {
          this_task::ready();
          hang(hangs);
          say(done->c_str());
        },
        {.name = "hangs", .stop_timeout = 50ms});
    s.start();
    task.wait_ready(10s);
    const ShutdownReport& report = s.shutdown();
    code = report.exit_code();
    say(("straggler: " + report.stragglers.at(0).name + " " + report.stragglers.at(0).what).c_str());
  }
  say("destroyed");
  return code;
}

int wait() { return straggler(OnStraggler::Wait, 1s); }
int exit_with_report() { return straggler(OnStraggler::Exit, 20s); }
int abandon() {
  const int code = straggler(OnStraggler::Abandon, 700ms);
  hang(1500ms);  // it ends after its supervisor is gone
  say("main returns");
  return code;
}

/// What was left behind has ended, and its threads go: all but so many.
bool only_so_many_threads_are_left(int threads) {
  for (int i = 0; i < 10'000 && threads_of_this_process() > threads; ++i) hang(1ms);
  return threads_of_this_process() == threads;
}

/// Abandoned while they waited, coroutines go on when what they wait for comes, and when the last of them has ended, so
/// have the threads.
int abandon_what_waits() {
  const int threads = threads_of_this_process();  // a sanitizer may have its own
  std::optional<Resumer> resumer;
  std::latch suspended{2}, ended{2};
  {
    Supervisor s({.shutdown_timeout = 200ms, .on_straggler = OnStraggler::Abandon, .default_observer = false});
    s.supervise([&]() -> Co<> {
      auto start = [&](Resumer r) {
        resumer.emplace(std::move(r));
        suspended.count_down();
      };
      auto cancel = [] {};
      co_await suspend(start, cancel);
      ended.count_down();
    });
    s.supervise([&]() -> Co<> {
      suspended.count_down();
      (void)co_await sleep_for(400ms, ignore_stop);
      ended.count_down();
    });
    s.start();
    suspended.wait();
    say(s.shutdown().stragglers.size() == 2 ? "two stragglers" : "?");
  }
  say("destroyed");
  (*resumer)();
  ended.wait();
  say("both ended");
  say(only_so_many_threads_are_left(threads) ? "no thread is left" : "threads are left");
  return 0;
}

/// What is queued behind a straggler that holds the only runner does not run on the thread that destroys the
/// supervisor.
int abandon_what_is_queued() {
  const int threads = threads_of_this_process();
  std::atomic<bool> enough{false};
  std::atomic<std::thread::id> went_on{};
  std::latch waits{1}, holds{1}, ended{2};
  {
    Supervisor s({.runners = 1,
                  .max_runners = 1,
                  .shutdown_timeout = 200ms,
                  .on_straggler = OnStraggler::Abandon,
                  .default_observer = false});
    s.start();
    s.supervise([&]() -> Co<> {
      waits.count_down();
      (void)co_await sleep_for(1h);
      went_on = std::this_thread::get_id();
      while (!enough) {
        (void)co_await yield();
      }
      ended.count_down();
    });
    waits.wait();
    s.supervise([&] {
      holds.count_down();
      while (!enough) hang(1ms);
      ended.count_down();
    });
    holds.wait();
    s.shutdown();
  }
  say("destroyed");
  enough = true;
  ended.wait();
  say(went_on.load() != std::this_thread::get_id() ? "on a runner" : "on the caller's thread");
  return only_so_many_threads_are_left(threads) ? 0 : 1;
}

int hung_hook() {
  Supervisor s({.shutdown_timeout = 5s, .on_straggler = OnStraggler::Abandon, .default_observer = false});
  auto task = s.supervise(
      [](std::stop_token stop) {
        this_task::ready();
        while (!stop.stop_requested()) this_task::sleep_for(1h);
      },
      {.name = "hooked", .shutdown_hook = [] { hang(20s); }, .hook_timeout = 100ms});
  s.start();
  task.wait_ready(10s);
  const ShutdownReport& report = s.shutdown();
  say(report.find("hooked")->hook == HookResult::TimedOut ? "timed out" : "?");
  say(report.stragglers.at(0).what.c_str());
  std::fflush(stdout);
  std::_Exit(report.exit_code());
}

int throws_in_destructor() {
  struct Throws {
    ~Throws() noexcept(false) { throw 1; }
  };
  Supervisor s({.default_observer = false});
  s.supervise([] { const Throws local; }, {.on_exception = OnException::Ignore});
  s.start();
  s.wait_all();
  return s.shutdown().exit_code();
}

int pthread_exits() {
  Supervisor s;
  s.supervise([] { ::pthread_exit(nullptr); }, {.name = "quitter"});
  return s.run();
}

int coroutine_pthread_exits() {
  Supervisor s;
  s.supervise(
      []() -> Co<> {
        co_await [](void) -> Co<> {
          (void)co_await yield();
          ::pthread_exit(nullptr);
        }();
      },
      {.name = "quitter"});
  return s.run();
}

int exits() {
  static Supervisor* s = new Supervisor;
  s->supervise([] { std::exit(7); }, {.name = "exits"});
  return s->run();
}

int destroys_its_own_supervisor() {
  auto s = std::make_unique<Supervisor>();
  s->supervise([&] { s.reset(); }, {.name = "suicidal"});
  s->start();
  s->wait();
  return 0;
}

/// The child is made by a thread of the program while others hold the locks of both tasks and of the supervisor again
/// and again.
int forks() {
  Supervisor s({.default_observer = false});
  auto task = s.supervise([] { this_task::sleep_for(1h); });
  auto scoped = std::make_unique<ScopedTask>(s.supervise([] { this_task::sleep_for(1h); }));
  s.start();
  std::atomic<bool> end{false};
  std::thread busy([&] {
    while (!end) {
      (void)task.state();
      (void)scoped->handle().state();
    }
  });
  std::thread busy_too([&] {
    while (!end) (void)s.find("nobody");
  });
  int status = 0;
  for (int round = 0; round < 100 && status == 0; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      int refused = 0;
      const auto refuses = [&](const std::function<void()>& call) {
        try {
          call();
        } catch (const ForkedChild&) {
          ++refused;
        }
      };
      refuses([&] { s.supervise([] {}); });
      refuses([&] { s.start(); });
      refuses([&] { s.shutdown(); });
      refuses([&] { s.wait_for(1s); });
      refuses([&] { (void)s.snapshot(); });
      refuses([&] { s.wait_all(); });
      refuses([&] { s.for_each_task([](const TaskHandle&) {}); });
      refuses([&] { (void)s.find("t"); });
      refuses([&] { s.dump(std::cout); });
      refuses([&] { (void)s.shutdown_cause(); });
      refuses([&] { (void)task.snapshot(); });
      refuses([&] { task.stop(); });
      refuses([&] { task.stop(1s); });
      refuses([&] { task.restart(); });
      refuses([&] { task.remove(); });
      refuses([&] { task.wait_ready(1s); });
      refuses([&] { task.wait(); });
      refuses([&] { task.wait_for(1s); });
      const bool stopped = task.state() == TaskState::Stopped;
      task.request_stop();
      TaskHandle copy = task;
      copy = TaskHandle();
      scoped.reset();  // does nothing, and does not hang
      task = TaskHandle();
      s.request_shutdown();
      s.~Supervisor();
      std::_Exit(stopped && refused == 18 ? 0 : 1);
    }
    if (::waitpid(child, &status, 0) != child) return 98;
  }
  end = true;
  busy.join();
  busy_too.join();
  say(status == 0 ? "each child was refused" : "a child was not refused");
  scoped.reset();
  return s.shutdown().exit_code();
}

/// No thread to be had: for start(), and later for growth.
int no_threads() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NPROC, &limit);
  if (::geteuid() == 0 && ::setuid(NobodyUser) != 0) return 99;  // root is not limited
  limit.rlim_cur = 1;
  ::setrlimit(RLIMIT_NPROC, &limit);
  auto alive = std::make_shared<int>(1);
  std::weak_ptr<int> watched = alive;
  {
    Supervisor s({.default_observer = false});
    s.supervise([kept = std::move(alive)] {});
    try {
      s.start();
      return 98;
    } catch (const StartFailed& e) {
      say(e.what());
    }
    if (!s.snapshot().tasks.empty() && s.snapshot().tasks[0].state == TaskState::Registered) say("as before");
  }
  say(watched.expired() ? "all destroyed" : "leaked");
  return 0;
}

/// No thread to be had for the shutdown of a supervisor that was never started: whoever waits does all there is to do,
/// here what an observer keeps it at. Another one who waits meanwhile does so no longer than it wants, and asleep.
int no_threads_to_shut_down() {
  struct Slow : Observer {
    void on_event(const Event& event) override {
      if (event.kind != EventKind::ShutdownBegan) return;
      reached.count_down();
      goes_on.wait();
    }
    std::latch reached{1}, goes_on{1};
  };
  auto observer = std::make_shared<Slow>();
  Supervisor s({.observers = {observer}, .default_observer = false});
  s.supervise([] {});
  const std::jthread other([&] {
    observer->reached.wait();
    timespec used{};
    const bool early = s.wait_for(300ms) != nullptr;
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    say(early ? "early" : "not yet");
    say(used.tv_sec == 0 && used.tv_nsec < 100'000'000 ? "asleep" : "awake");
    observer->goes_on.count_down();
  });
  if (::geteuid() == 0 && ::setresuid(NobodyUser, NobodyUser, 0) != 0) return 99;  // root is not limited
  rlimit limit{};
  ::getrlimit(RLIMIT_NPROC, &limit);
  limit.rlim_cur = 1;
  ::setrlimit(RLIMIT_NPROC, &limit);
  const int code = s.shutdown().exit_code();
  Supervisor nobody_waited({.default_observer = false});
  nobody_waited.supervise([] {});
  nobody_waited.request_shutdown();
  say(nobody_waited.wait_for(0s) != nullptr ? "at once" : "later");  // whoever looks does what there is to do
  return code;
}

/// No thread to be had for growth: a callable that blocks keeps the one runner, another one waits; and runs as soon as
/// a thread can be had again.
int no_more_threads() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NPROC, &limit);
  if (::geteuid() == 0 && ::setresuid(NobodyUser, NobodyUser, 0) != 0) return 99;  // root is not limited
  struct Starved : Observer {
    void on_event(const Event& event) override {
      if (event.kind == EventKind::Starvation) told.count_down();
    }
    std::latch told{1};
  };
  auto observer = std::make_shared<Starved>();
  Supervisor s({.runners = 1, .observers = {observer}, .default_observer = false});
  s.start();
  const rlim_t before = std::exchange(limit.rlim_cur, 1);
  ::setrlimit(RLIMIT_NPROC, &limit);
  auto first = s.supervise(
      [] {
        this_task::ready();
        this_task::sleep_for(1h);
      },
      {.name = "holds the runner", .blocking = true});
  if (!first.wait_ready(10s)) return 98;
  std::atomic<bool> ran{false};
  auto second = s.supervise([&] { ran = true; }, {.name = "waits"});
  observer->told.wait();
  const TaskSnapshot seen = second.snapshot();
  say((seen.explain().find("holds the runner") != std::string::npos || !s.snapshot().holders.empty()
           ? "it waits, and "
             "is told for whom"
           : "?"));
  if (ran) return 97;
  limit.rlim_cur = before;
  ::setrlimit(RLIMIT_NPROC, &limit);
  if (second.wait_for(10s) != std::optional(Outcome(Outcome::Completed))) return 96;
  say("it ran");
  return s.shutdown().exit_code();
}

/// Stopped by SIGSTOP for longer than its periods and delays, and continued: it goes on, and stops in order.
int stopped_for_a_while() {
  Supervisor s({.default_observer = false});
  std::atomic<int> calls{0};
  s.supervise(every(1ms,
                    [&] {
                      if (calls.fetch_add(1) == 20) say("ready");
                    }),
              {.name = "ticks"});
  s.supervise(
      [&]() -> Co<> {
        while (co_await sleep_for(1ms)) {
        }
      },
      {.name = "sleeps"});
  auto retried =
      s.supervise([] { throw std::runtime_error("again"); },
                  {.name = "retried", .on_exception = OnException::Retry, .backoff = Backoff::constant(2ms)});
  s.start();
  char go = 0;
  if (::read(STDIN_FILENO, &go, 1) != 1) return 98;  // the other side has stopped and continued it
  const int before = calls;
  const std::uint64_t attempts = retried.snapshot().attempt;
  for (int i = 0; i < 10'000 && (calls < before + 5 || retried.snapshot().attempt < attempts + 3); ++i) hang(1ms);
  say(calls >= before + 5 ? "it goes on" : "it stands still");
  const ShutdownReport& report = s.shutdown();
  // Not by exit_code(): "retried" may be failing at this moment, which would be a late failure, and not clean.
  say(report.duration < 5s && report.stragglers.empty() ? "in order" : "late");
  return 0;
}

/// What a callable captured throws when it is destroyed: that ends the process, as everywhere.
int captured_destructor_throws() {
  struct Throws {
    explicit Throws(bool* a) : armed(a) {}
    Throws(Throws&& other) noexcept : armed(std::exchange(other.armed, nullptr)) {}
    ~Throws() noexcept(false) {
      if (armed != nullptr && *armed) throw std::runtime_error("in the destructor");
    }
    bool* armed;
  };
  static bool armed = false;
  Supervisor s({.default_observer = false});
  s.supervise([t = Throws(&armed)] { armed = true; }, {.name = "thrower"});
  s.start();
  s.wait_all();
  s.shutdown();
  say("not reached");
  return 0;
}

int out_of_memory() {
  Supervisor s({.default_observer = false});
  auto hungry = s.supervise(
      [] {
        std::unique_ptr<char[]> much(new char[std::size_t{1} << 60]);
        *const_cast<volatile char*>(much.get()) = 1;  // so that the compiler does not do without it
      },
      {.name = "hungry", .on_exception = OnException::Ignore});
  s.start();
  const Outcome outcome = hungry.wait();
  say(outcome.failure()->type().c_str());
  // A hundred thousand kept failures while memory is short: the emergency memory of the C++ run-time is not used up.
  rlimit limit{};
  ::getrlimit(RLIMIT_AS, &limit);
  limit.rlim_cur = std::size_t{3} << 30;
  ::setrlimit(RLIMIT_AS, &limit);
  std::vector<TaskHandle> handles;
  for (int i = 0; i < 100'000; ++i) {
    handles.push_back(s.supervise([] { throw std::bad_alloc(); }, {.on_exception = OnException::Ignore}));
  }
  for (const TaskHandle& handle : handles) {
    if (handle.wait() != Outcome::Failed) return 97;
  }
  say("100000 failures kept");
  return s.shutdown().exit_code();
}

}  // namespace

int main(int argc, char** argv) {
  const std::map<std::string, int (*)()> modes = {
      {"wait", wait},
      {"exit", exit_with_report},
      {"abandon", abandon},
      {"abandon-what-waits", abandon_what_waits},
      {"abandon-what-is-queued", abandon_what_is_queued},
      {"hung-hook", hung_hook},
      {"throws-in-destructor", throws_in_destructor},
      {"pthread-exit", pthread_exits},
      {"coroutine-pthread-exit", coroutine_pthread_exits},
      {"exits", exits},
      {"destroys-its-own-supervisor", destroys_its_own_supervisor},
      {"forks", forks},
      {"no-threads", no_threads},
      {"no-threads-to-shut-down", no_threads_to_shut_down},
      {"no-more-threads", no_more_threads},
      {"stopped-for-a-while", stopped_for_a_while},
      {"captured-destructor-throws", captured_destructor_throws},
      {"out-of-memory", out_of_memory},
  };
  return argc == 2 ? modes.at(argv[1])() : 96;
}
