#include "service.h"

#include <charconv>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "http.h"
#include "standard_input.h"

namespace service {

using namespace std::chrono_literals;

Config Config::from_environment() {
  Config config;
  if (const char* journal = std::getenv("SERVICE_JOURNAL")) config.journal = journal;
  if (const char* given = std::getenv("SERVICE_HTTP_PORT")) {
    const std::string text = given;
    int port = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc() || end != text.data() + text.size() || port < 0 || port > 65535) {
      throw std::invalid_argument("SERVICE_HTTP_PORT is no port: " + text);
    }
    config.http_port = port;
  }
  return config;
}

// ---- a resource with start and stop

void Journal::open() {
  const std::lock_guard lock(mutex_);
  file_.open(path_, std::ios::app);
  if (!file_) throw std::runtime_error("cannot open " + path_);
}

void Journal::close() {
  const std::lock_guard lock(mutex_);
  file_.close();
}

void Journal::append(const std::string& line) {
  const std::lock_guard lock(mutex_);
  file_ << line << '\n';
  ++lines_;
}

void Journal::flush() {
  const std::lock_guard lock(mutex_);
  if (!file_.flush()) throw std::runtime_error("cannot write " + path_);
}

std::uint64_t Journal::lines() const {
  const std::lock_guard lock(mutex_);
  return lines_;
}

namespace {

// It starts before every task and stops after the last one, so tasks find it open.
std::unique_ptr<Journal> make_journal(const Config& config, engin::Lifecycle& lifecycle) {
  auto journal = std::make_unique<Journal>(config);
  lifecycle.hook({.name = "journal",
                  .on_start = [j = journal.get()] { j->open(); },
                  .on_stop = [j = journal.get()] { j->close(); }});
  return journal;
}

// ---- tasks

// A connection may be lost, and comes back: try again, ever more slowly.
void supervise_consumer(engin::Supervisor& supervisor, Source& source, Journal& journal) {
  supervisor.supervise(
      [&](std::stop_token stop) -> engin::Co<> {
        while (auto line = co_await source.next(stop)) {
          journal.append(*line);
          engin::this_task::ready();
        }
      },
      {.name = "consumer", .on_exception = engin::OnException::Retry, .backoff = {.initial = 100ms, .max = 30s}});
}

// Without a disk there is no service: a failure takes it down, in order, with this as the reason.
void supervise_flusher(engin::Supervisor& supervisor, const Config& config, Journal& journal) {
  supervisor.supervise(engin::every(config.flush_every, [&] { journal.flush(); }),
                       {.name = "flusher", .on_exception = engin::OnException::Shutdown});
}

}  // namespace

engin::Option all() {
  return engin::Block("service", engin::Provide(make_journal), engin::Provide<StandardInput>().as<Source>(),
                      engin::Provide<HttpEndpoint>(), engin::Invoke(supervise_consumer),
                      engin::Invoke(supervise_flusher), engin::Invoke(supervise_http));
}

}  // namespace service
