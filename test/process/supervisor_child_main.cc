// Programs in which a task does what ends threads and processes; supervisor_process_test.cc looks at what becomes of
// them.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engin/supervisor.h"

namespace {

using namespace std::chrono_literals;
using namespace engin;

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

int forks() {
  Supervisor s({.default_observer = false});
  s.supervise([] { this_task::sleep_for(1h); });
  s.start();
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
    refuses([&] { s.shutdown(); });
    refuses([&] { s.wait_for(1s); });
    refuses([&] { (void)s.snapshot(); });
    refuses([&] { s.wait_all(); });
    s.request_shutdown();
    s.~Supervisor();  // does nothing, and does not hang
    std::_Exit(refused);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  say(("the child was refused " + std::to_string(WEXITSTATUS(status)) + " times").c_str());
  return s.shutdown().exit_code();
}

/// No thread to be had: for start(), and later for growth.
int no_threads() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NPROC, &limit);
  if (::geteuid() == 0 && ::setuid(65534) != 0) return 99;  // root is not limited
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
      {"hung-hook", hung_hook},
      {"throws-in-destructor", throws_in_destructor},
      {"pthread-exit", pthread_exits},
      {"exits", exits},
      {"destroys-its-own-supervisor", destroys_its_own_supervisor},
      {"forks", forks},
      {"no-threads", no_threads},
      {"out-of-memory", out_of_memory},
  };
  return argc == 2 ? modes.at(argv[1])() : 96;
}
