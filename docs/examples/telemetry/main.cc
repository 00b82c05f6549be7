// A small telemetry service in one process. Every part of it is a supervised task:
//
//   sampler     periodic    reads the machine's figures from /proc
//   follower    blocks      tails a log file
//   server      blocks      answers each connection with the latest figures; its hook shuts down the listener
//   uplink      blocks      sends the figures to the collector, which is often away: Retry, with growing delays
//   collector   coroutine   stands in for a remote service
//   disk guard  coroutine   critical: the service must not run on a full disk
//   barometer   optional    there is none on most machines: Ignore
//
// Usage: telemetry [--fail] [LOG]     LOG: the file to follow; --fail: the disk guard finds too little space
// SIGTERM and SIGINT end it in order. Exit status: 0 after a clean end, 1 if a part failed that must not.

#include <engin/supervisor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <iostream>
#include <memory>
#include <sstream>
#include <stop_token>
#include <string>

#include <sys/socket.h>
#include <unistd.h>

#include "board.h"
#include "parts.h"
#include "posix.h"
#include "signals.h"

namespace telemetry {
namespace {

using namespace std::chrono_literals;

struct Settings {
  std::string log;
  std::uintmax_t required_disk_gb = 0;
};

// The log of a package manager or of the system: some machine has each of them.
std::string some_log() {
  for (const char* path : {"/var/log/dpkg.log", "/var/log/dnf.log", "/var/log/pacman.log", "/var/log/syslog",
                           "/var/log/messages", "/etc/os-release"}) {
    if (access(path, R_OK) == 0) return path;
  }
  throw std::runtime_error("found no log to follow; please name one");
}

Settings read_arguments(int count, char** arguments) {
  Settings settings;
  for (int i = 1; i < count; ++i) {
    if (const std::string argument = arguments[i]; argument == "--fail") {
      settings.required_disk_gb = 1'000'000'000;
    } else {
      settings.log = argument;
    }
  }
  if (settings.log.empty()) settings.log = some_log();
  return settings;
}

// Tells how tasks end. Of failures, restarts and the shutdown's cause the supervisor's own observer tells.
class Narrator final : public engin::Observer {
  void on_event(const engin::Event& event) override {
    switch (event.kind) {
      case engin::EventKind::HookStarted:
      case engin::EventKind::HookEnded:
      case engin::EventKind::Stopped: {
        std::ostringstream line;
        line << event << "\n";
        std::cerr << line.str();  // in one piece
        break;
      }
      default:
        break;
    }
  }
};

// What the server sends: the figures, then what each task does and why.
std::string answer(const Board& board, const engin::Supervisor& supervisor) {
  std::ostringstream out;
  for (const auto& [figure, value] : board.values()) out << figure << ": " << value << "\n";
  supervisor.for_each_task([&](const engin::TaskHandle& task) {
    out << "task " << task.name() << ": " << task.snapshot().explain() << "\n";
  });
  return out.str();
}

int run(const Settings& settings) {
  // What the tasks use is declared before the supervisor, and therefore outlives it.
  Board board;
  const Descriptor listener = bind_to_loopback();
  start_listening(listener);
  const Descriptor collector_port = bind_to_loopback();  // reserved; nobody listens yet

  engin::Supervisor supervisor({.name = "telemetry", .observers = {std::make_shared<Narrator>()}});
  const SignalWatch signals(supervisor);

  supervisor.supervise(engin::every(500ms, Sampler(board)),
                       {.name = "sampler", .on_exception = engin::OnException::Retry});

  supervisor.supervise([&](const std::stop_token& stop) { follow(settings.log, board, stop); },
                       {.name = "follower", .on_exception = engin::OnException::Retry});

  supervisor.supervise([&] { serve(listener, [&] { return answer(board, supervisor); }); },
                       {.name = "server", .shutdown_hook = [&] { shutdown(listener.get(), SHUT_RDWR); }});

  supervisor.supervise([&] { run_uplink(port_of(collector_port), board); },
                       {.name = "uplink",
                        .on_exception = engin::OnException::Retry,
                        .backoff = {.initial = 250ms, .max = 2s, .reset_after = 1s}});

  supervisor.supervise(
      [&] { return run_collector(port_of(collector_port)); },
      {.name = "collector", .on_exception = engin::OnException::Retry, .backoff = engin::Backoff::constant(3s)});

  supervisor.supervise([&] { return guard_disk(settings.required_disk_gb, board); }, {.name = "disk guard"});

  // A task that has ended is forgotten, unless somebody keeps its handle: so the server can still tell what became of
  // it.
  const engin::TaskHandle barometer = supervisor.supervise(
      [&] { read_barometer(board); }, {.name = "barometer", .on_exception = engin::OnException::Ignore});

  say("telemetry", "serving at 127.0.0.1 port " + std::to_string(port_of(listener)) + ", following " + settings.log +
                       ", process " + std::to_string(getpid()));
  supervisor.start();
  const engin::ShutdownReport& report = supervisor.wait();
  std::cerr << report << "\n";
  return report.exit_code();
}

}  // namespace
}  // namespace telemetry

int main(int count, char** arguments) {
  try {
    return telemetry::run(telemetry::read_arguments(count, arguments));
  } catch (const std::exception& e) {
    std::cerr << "telemetry: " << e.what() << "\n";
    return 3;
  }
}
