#include <cmath>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

#include "parts.h"

namespace telemetry {

namespace {

std::ifstream open_proc(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw std::runtime_error("cannot read " + path);
  return in;
}

std::string load() {
  std::string one, five, fifteen;
  open_proc("/proc/loadavg") >> one >> five >> fifteen;
  return one + " " + five + " " + fifteen;
}

std::string memory() {
  std::ifstream in = open_proc("/proc/meminfo");
  std::uint64_t total = 0;
  std::uint64_t available = 0;
  for (std::string line; std::getline(in, line);) {
    std::istringstream fields(line);
    std::string key;
    std::uint64_t kibibytes = 0;
    fields >> key >> kibibytes;
    if (key == "MemTotal:") total = kibibytes;
    if (key == "MemAvailable:") available = kibibytes;
  }
  return std::to_string(available / 1024) + " of " + std::to_string(total / 1024) + " MiB available";
}

}  // namespace

void Sampler::operator()() {
  // "cpu user nice system idle iowait irq ...": processor time since the machine started.
  std::ifstream in = open_proc("/proc/stat");
  std::string cpu;
  in >> cpu;
  std::uint64_t total = 0;
  std::uint64_t idle = 0;
  std::uint64_t ticks = 0;
  for (int column = 0; column < 8 && in >> ticks; ++column) {
    total += ticks;
    if (column == 3 || column == 4) idle += ticks;
  }
  const std::uint64_t busy = total - idle;
  if (total > total_) {
    const double share = static_cast<double>(busy - busy_) / static_cast<double>(total - total_);
    board_.set("processors", std::to_string(std::lround(100 * share)) + " % busy");
  }
  busy_ = busy;
  total_ = total;

  board_.set("load", load());
  board_.set("memory", memory());
}

}  // namespace telemetry
