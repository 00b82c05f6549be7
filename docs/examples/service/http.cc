#include "http.h"

#include <memory>
#include <stdexcept>

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

void supervise_http(engin::Supervisor& supervisor, const Config& config) {
  if (config.http_port == 0) return;
  auto server = std::make_shared<httplib::Server>();
  server->Get("/health", [&supervisor](const httplib::Request&, httplib::Response& response) {
    const Health health = health_of(supervisor);
    response.status = health.well ? 200 : 503;
    response.set_content(health.text, "text/plain");
  });
  // listen() blocks until stop(): a plain callable, which gets a thread, and a hook that ends it.
  supervisor.supervise(
      [server, port = config.http_port] {
        if (!server->listen("127.0.0.1", port)) throw std::runtime_error("cannot listen");
      },
      {.name = "http",
       .on_exception = engin::OnException::Retry,
       .shutdown_hook = [server] { server->stop(); },
       .blocking = true});
}

#else

void supervise_http(engin::Supervisor&, const Config&) {}

#endif

}  // namespace service
