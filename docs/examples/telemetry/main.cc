// A small telemetry service in one process: an Engin, whose every part is a supervised task.
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
// SIGTERM and SIGINT end it in order. Exit status: 0 after a clean end, 1 if a part failed that must not, 3 if it did
// not start.

#include <engin/engin.h>

#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <stop_token>
#include <string>

#include <sys/socket.h>
#include <unistd.h>

#include "board.h"
#include "parts.h"
#include "posix.h"

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

// ---- what the tasks share

using Listener = engin::Named<const Descriptor, "listener">;
using CollectorPort = engin::Named<const Descriptor, "collector">;

// A start of the lifecycle comes after all parts were made, and before any task runs.
void open_for_business(engin::Lifecycle& lifecycle, const Settings& settings, Listener listener) {
  lifecycle.hook({.name = "listener", .on_start = [&settings, listener] {
                    start_listening(*listener);
                    say("telemetry", "serving at 127.0.0.1 port " + std::to_string(port_of(*listener)) +
                                         ", following " + settings.log + ", process " + std::to_string(getpid()));
                  }});
}

// ---- the tasks

void supervise_sampler(engin::Supervisor& supervisor, Board& board) {
  supervisor.supervise(engin::every(500ms, Sampler(board)),
                       {.name = "sampler", .on_exception = engin::OnException::Retry});
}

void supervise_follower(engin::Supervisor& supervisor, const Settings& settings, Board& board) {
  supervisor.supervise([&](const std::stop_token& stop) { follow(settings.log, board, stop); },
                       {.name = "follower", .on_exception = engin::OnException::Retry});
}

// The figures, then what each task does and why.
std::string answer(const Board& board, const engin::Supervisor& supervisor) {
  std::ostringstream out;
  for (const auto& [figure, value] : board.values()) out << figure << ": " << value << "\n";
  supervisor.for_each_task([&](const engin::TaskHandle& task) {
    out << "task " << task.name() << ": " << task.snapshot().explain() << "\n";
  });
  return out.str();
}

void supervise_server(engin::Supervisor& supervisor, const Board& board, Listener listener) {
  supervisor.supervise([&, listener] { serve(*listener, [&] { return answer(board, supervisor); }); },
                       {.name = "server", .shutdown_hook = [listener] { shutdown(listener->get(), SHUT_RDWR); }});
}

void supervise_uplink(engin::Supervisor& supervisor, const Board& board, CollectorPort port) {
  supervisor.supervise([&, port] { run_uplink(port_of(*port), board); },
                       {.name = "uplink",
                        .on_exception = engin::OnException::Retry,
                        .backoff = {.initial = 250ms, .max = 2s, .reset_after = 1s}});
}

void supervise_collector(engin::Supervisor& supervisor, CollectorPort port) {
  supervisor.supervise(
      [port] { return run_collector(port_of(*port)); },
      {.name = "collector", .on_exception = engin::OnException::Retry, .backoff = engin::Backoff::constant(3s)});
}

void supervise_disk_guard(engin::Supervisor& supervisor, const Settings& settings, Board& board) {
  supervisor.supervise([&] { return guard_disk(settings.required_disk_gb, board); }, {.name = "disk guard"});
}

// A task that has ended is forgotten, unless somebody keeps its handle. This one is provided, and therefore kept as
// long as the Engin: so the server can still tell what became of the barometer.
engin::TaskHandle supervise_barometer(engin::Supervisor& supervisor, Board& board) {
  return supervisor.supervise([&] { read_barometer(board); },
                              {.name = "barometer", .on_exception = engin::OnException::Ignore});
}

engin::Option parts() {
  using engin::Block, engin::Entrypoint, engin::Invoke, engin::Provide, engin::Supply;
  return Block(Supply(engin::SupervisorOptions{.name = "telemetry", .observers = {std::make_shared<Narrator>()}}),
               // Both are bound to a port of the kernel's choice. Nobody listens at the second one, yet.
               Block("shared", Provide<Board>(), Provide([] { return bind_to_loopback(); }).named("listener"),
                     Provide([] { return bind_to_loopback(); }).named("collector"), Invoke(open_for_business)),
               Block("tasks", Invoke(supervise_sampler), Invoke(supervise_follower), Invoke(supervise_server),
                     Invoke(supervise_uplink), Invoke(supervise_collector), Invoke(supervise_disk_guard),
                     Provide(supervise_barometer), Entrypoint<engin::TaskHandle>()));
}

}  // namespace
}  // namespace telemetry

int main(int count, char** arguments) {
  engin::Engin app(engin::Provide([=] { return telemetry::read_arguments(count, arguments); }), telemetry::parts());
  const int status = app.run();
  if (status == 0) std::cerr << app.report() << "\n";  // of any other end run() has told
  return status;
}
