// GET /health: 200 while all tasks are well, else 503; the body says how each of them is.
#pragma once

#include <string>

#include "service.h"

namespace service {

struct Health {
  bool well = true;
  std::string text;
};

Health health_of(const engin::Supervisor& supervisor);

/// Does nothing without a port, or if cpp-httplib was not there when this was built.
void supervise_http(engin::Supervisor& supervisor, const Config& config);

}  // namespace service
