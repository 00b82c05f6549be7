// A service in a process of its own, for host_process_test.cc to send signals to. The first argument says which.
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include "engin/engin.h"

namespace {

using namespace std::chrono_literals;
using engin::Co;
using engin::Engin;
using engin::Entrypoint;
using engin::Invoke;
using engin::Lifecycle;
using engin::Provide;
using engin::Supervisor;
using engin::SupervisorOptions;
using engin::Supply;

void say(std::string_view text) {
  const std::string line = std::string(text) + "\n";
  if (write(STDOUT_FILENO, line.data(), line.size()) < 0) std::abort();
}

struct Resource {
  ~Resource() { say("destroyed"); }
};

struct HangsAtItsEnd {
  ~HangsAtItsEnd() {
    say("ready");
    std::this_thread::sleep_for(1h);
  }
};

std::unique_ptr<Resource> make_resource(Lifecycle& lifecycle) {
  lifecycle.hook({.name = "resource", .on_start = [] {}, .on_stop = [] { say("lifecycle stopped"); }});
  return std::make_unique<Resource>();
}

SupervisorOptions quiet() { return {.default_observer = false}; }

void waits(Supervisor& supervisor, Resource&) {
  for (int i = 0; i < 10; ++i) {
    supervisor.supervise([](std::stop_token) -> Co<> {
      while (co_await engin::sleep_for(1h)) {
      }
    });
  }
  supervisor.supervise([] {
    say("ready");
    while (engin::this_task::sleep_for(1h)) {
    }
  });
}

// Ends by itself after a while, so that a signal may also come while it stops.
void ends_soon(Supervisor& supervisor) {
  supervisor.supervise([] { engin::this_task::sleep_for(2ms); }, {.on_return = engin::OnReturn::Shutdown});
}

void never_ends(Supervisor& supervisor, Resource&) {
  supervisor.supervise(
      [] {
        say("ready");
        std::this_thread::sleep_for(1h);
      },
      {.name = "stubborn", .shutdown_hook = [] { say("stopping"); }});
}

int run(std::string_view mode) {
  if (mode == "waits") return Engin(Supply(quiet()), Provide(make_resource), Invoke(waits)).run();
  if (mode == "ends") return Engin(Supply(quiet()), Provide(make_resource), Invoke(waits), Invoke(ends_soon)).run();
  if (mode == "mirror") {
    return Engin(engin::handle_signals({SIGTERM, SIGHUP}, engin::SignalExit::Mirror), Supply(quiet()),
                 Provide(make_resource), Invoke(waits))
        .run();
  }
  if (mode == "none") {
    return Engin(engin::handle_signals(false), Supply(quiet()), Provide(make_resource), Invoke(waits)).run();
  }
  if (mode == "stubborn") return Engin(Supply(quiet()), Provide(make_resource), Invoke(never_ends)).run();
  if (mode == "straggler") {
    SupervisorOptions options = quiet();
    options.shutdown_timeout = 400ms;
    return Engin(Supply(options), Provide(make_resource), Invoke(never_ends)).run();
  }
  if (mode == "embedded-straggler") {
    SupervisorOptions options = quiet();
    options.shutdown_timeout = 400ms;
    {
      std::promise<void> runs;
      Engin app(Supply(options), Provide(make_resource), Invoke([&](Supervisor& supervisor, Resource&) {
                  supervisor.supervise(
                      [&] {
                        runs.set_value();
                        std::this_thread::sleep_for(1h);
                      },
                      {.name = "stubborn"});
                }));
      app.start();
      runs.get_future().wait();
      if (app.stop() == 2) say("stop returned");
    }
    say("not reached");
    return 0;
  }
  if (mode == "signalled-before-start") {  // pending when the Engin is made
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &term, nullptr);
    kill(getpid(), SIGTERM);
    return Engin(Supply(quiet()), Provide(make_resource), Invoke(waits)).run();
  }
  if (mode == "signalled-while-assembling") {
    return Engin(Supply(quiet()), Provide(make_resource), Invoke([](Resource&) { kill(getpid(), SIGTERM); }),
                 Invoke(waits))
        .run();
  }
  if (mode == "slow-hook") {
    return Engin(Supply(quiet()), Invoke([](Supervisor& supervisor) {
                   supervisor.supervise(
                       [] {
                         say("ready");
                         while (engin::this_task::sleep_for(1h)) {
                         }
                       },
                       {.name = "hooked", .shutdown_hook = [] {
                          say("in the hook");
                          std::this_thread::sleep_for(1h);
                        }});
                 }))
        .run();
  }
  if (mode == "hung-provider") {
    return Engin(Supply(quiet()), Provide([] {
                   say("ready");
                   std::this_thread::sleep_for(1h);
                   return Resource();
                 }),
                 Entrypoint<Resource>())
        .run();
  }
  if (mode == "hung-start") {
    return Engin(Supply(quiet()), Invoke([](Lifecycle& lifecycle) {
                   lifecycle.hook({.name = "database", .on_start = [] {
                                     say("ready");
                                     std::this_thread::sleep_for(1h);
                                   }});
                 }))
        .run();
  }
  if (mode == "hung-destructor") {
    return Engin(Supply(quiet()), Provide<HangsAtItsEnd>(), Entrypoint<HangsAtItsEnd>(), Invoke(ends_soon)).run();
  }
  if (mode == "hung-stop") {
    SupervisorOptions options = quiet();
    options.shutdown_timeout = 400ms;
    return Engin(Supply(options), Provide(make_resource), Invoke([](Lifecycle& lifecycle, Resource&) {
                   lifecycle.hook({.name = "stuck", .on_stop = [] { std::this_thread::sleep_for(1h); }});
                   lifecycle.hook({.name = "faulty", .on_stop = [] { throw std::runtime_error("no network"); }});
                 }),
                 Invoke(ends_soon))
        .run();
  }
  if (mode == "failed-start" || mode == "stuck-start") {
    SupervisorOptions options = quiet();
    options.shutdown_timeout = 400ms;
    return Engin(Supply(options), Provide(make_resource), Invoke(waits), Invoke([mode](Lifecycle& lifecycle) {
                   lifecycle.hook({.name = "database",
                                   .on_start =
                                       [mode] {
                                         if (mode == "failed-start") throw std::runtime_error("refused");
                                         std::this_thread::sleep_for(1h);
                                       },
                                   .timeout = 100ms});
                 }))
        .run();
  }
  if (mode == "threads-before") {
    std::atomic<bool> end{false};
    std::thread before([&] {
      while (!end) std::this_thread::sleep_for(1ms);
    });
    const int code = Engin(Supply(quiet()), Provide(make_resource), Invoke(waits)).run();
    end = true;
    before.join();
    return code;
  }
  if (mode == "blocked-before") {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
    return Engin(Supply(quiet()), Provide(make_resource), Invoke(waits)).run();
  }
  if (mode == "children") {
    return Engin(Supply(quiet()), Invoke([](Supervisor& supervisor) {
                   supervisor.supervise(
                       [] {
                         // What it starts has the program's mask, whichever way it starts it.
                         if (system("grep SigBlk /proc/self/status") != 0) std::abort();
                         if (system("sh -c 'kill -TERM $$; echo survived'") == 0) say("survived");
                         const pid_t child = fork();
                         if (child == 0) {
                           pause();
                           _exit(0);
                         }
                         kill(child, SIGTERM);
                         int status = 0;
                         waitpid(child, &status, 0);
                         say(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM ? "child ended" : "child survived");
                         say("ready");
                       },
                       {.on_return = engin::OnReturn::Finish});
                 }))
        .run();
  }
  return 99;
}

}  // namespace

int main(int argc, char** argv) {
  const int code = run(argc > 1 ? argv[1] : "");
  say("main returns");
  return code;
}
