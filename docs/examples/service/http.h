// GET /health: 200 while all tasks are well, else 503; the body says how each of them is.
#pragma once

#include <atomic>
#include <string>

#include "service.h"

namespace service {

struct Health {
  bool well = true;
  std::string text;
};

Health health_of(const engin::Supervisor& supervisor);

/// Where it is served.
struct HttpEndpoint {
  std::atomic<int> port{0};  // set when the task "http" is ready
};

/// Does nothing if no HTTP is wanted, or if cpp-httplib was not there when this was built.
void supervise_http(engin::Supervisor& supervisor, const Config& config, HttpEndpoint& endpoint);

}  // namespace service
