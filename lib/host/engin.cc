#include "engin/engin.h"

#include <new>
#include <ostream>
#include <string>
#include <utility>

#include "host/host.h"

namespace engin {

namespace {

std::string list_of(const std::vector<std::string>& errors) {
  std::string text = "engin: the application does not fit together:";
  for (const std::string& error : errors) text += "\n  " + error;
  return text;
}

}  // namespace

AssemblyError::AssemblyError(std::vector<std::string> errors) : Error(list_of(errors)), errors_(std::move(errors)) {}
AssemblyError::~AssemblyError() = default;

std::ostream& operator<<(std::ostream& out, const EnginReport& report) {
  for (const auto& [hook, what, failure, timed_out] : report.lifecycle) {
    out << "engin: " << what << " of lifecycle hook '" << hook << "' ";
    out << (timed_out ? "did not return in time" : "failed") << (failure.empty() ? "" : ": " + failure) << '\n';
  }
  for (const std::string& hook : report.unfinished_hooks) out << "engin: " << hook << " still runs\n";
  if (!report.start_failure.empty()) return out << report.start_failure;
  if (report.supervisor) out << *report.supervisor;
  return out;
}

Engin::~Engin() = default;
int Engin::run() { return host_->run(); }
void Engin::start() { host_->start(); }
int Engin::stop() { return host_->stop(); }
void Engin::request_stop(std::string_view reason) noexcept {
  ShutdownCause cause;
  try {
    cause.reason = reason;
  } catch (const std::bad_alloc&) {  // then without it
  }
  host_->request_stop(std::move(cause));
}
std::stop_token Engin::stop_token() const { return host_->stop_token(); }
void Engin::check() { host_->check(); }
Graph Engin::graph() { return host_->graph(); }
EnginReport Engin::report() const { return host_->report(); }

}  // namespace engin
