#include "http.h"

#include <functional>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>

#ifdef SERVICE_WITH_HTTP
#include <httplib.h>
#endif

namespace service {

Health health_of(const engin::Supervisor& supervisor) {
  Health health;
  for (const engin::TaskSnapshot& task : supervisor.snapshot().tasks) {
    const bool well = task.state != engin::TaskState::Backoff && task.state != engin::TaskState::CoolingDown &&
                      task.state != engin::TaskState::GaveUp && task.state != engin::TaskState::Failed;
    health.well = health.well && well;
    health.text += task.name + ": " + task.explain() + "\n";
  }
  return health;
}

#ifdef SERVICE_WITH_HTTP

namespace {

// Blocks until stop is requested. A server of its own for each attempt, so that one that failed leaves nothing behind.
void serve(const engin::Supervisor& supervisor, int port, HttpEndpoint& endpoint, const std::stop_token& stop) {
  httplib::Server server;
  server.Get("/health", [&supervisor](const httplib::Request&, httplib::Response& response) {
    const Health health = health_of(supervisor);
    response.status = health.well ? 200 : 503;
    response.set_content(health.text, "text/plain");
  });
  const char* const host = "127.0.0.1";
  endpoint.port = port != 0 ? (server.bind_to_port(host, port) ? port : -1) : server.bind_to_any_port(host);
  if (endpoint.port < 0) throw std::runtime_error("cannot listen at port " + std::to_string(port));
  engin::this_task::ready();  // from here on connections are taken

  // stop() does nothing before the server runs. It asks for its threads when it does, so that is when to tell it.
  std::optional<std::stop_callback<std::function<void()>>> on_stop;
  server.new_task_queue = [&] {
    on_stop.emplace(stop, [&server] { server.stop(); });
    return new httplib::ThreadPool(2);
  };
  if (!server.listen_after_bind()) throw std::runtime_error("cannot accept connections");
}

}  // namespace

void supervise_http(engin::Supervisor& supervisor, const Config& config, HttpEndpoint& endpoint) {
  if (!config.http_port) return;
  supervisor.supervise([&supervisor, &endpoint, port = *config.http_port](
                           const std::stop_token& stop) { serve(supervisor, port, endpoint, stop); },
                       {.name = "http", .on_exception = engin::OnException::Retry, .blocking = true});
}

#else

void supervise_http(engin::Supervisor&, const Config&, HttpEndpoint&) {}

#endif

}  // namespace service
