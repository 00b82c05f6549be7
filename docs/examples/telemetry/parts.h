// The parts of the service. Each is a function or an object that main.cc hands to a supervisor; none of them knows
// who runs it, how often it was restarted, or when the process ends. Each can be called from a plain test.
#ifndef ENGIN_DOCS_EXAMPLES_TELEMETRY_PARTS_H_
#define ENGIN_DOCS_EXAMPLES_TELEMETRY_PARTS_H_

#include <engin/supervisor.h>

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "board.h"
#include "posix.h"

namespace telemetry {

/// Reads the machine's load, processor time and memory from /proc. A call is one sample; what it remembers from the
/// sample before lives in the object.
class Sampler {
 public:
  explicit Sampler(Board& board) : board_(board) {}
  void operator()();

 private:
  Board& board_;
  std::uint64_t busy_ = 0;
  std::uint64_t total_ = 0;
};

/// Counts the lines of a log file and keeps the last one. Blocks until the file grows or stop is requested. Throws when
/// the file was rotated or truncated: whoever calls it again begins with the new one.
void follow(const std::string& path, Board& board, const std::stop_token& stop);

/// Answers each connection with what `answer` returns. Blocks in accept; throws when the listener was shut down.
void serve(const Descriptor& listener, const std::function<std::string()>& answer);

/// Connects to the collector and sends it the figures twice a second until stop is requested. Throws when the collector
/// refuses or goes away.
void run_uplink(std::uint16_t port, const Board& board);

/// Stands in for a remote service, and is not a good one: its first attempt comes up late, and crashes soon.
engin::Co<> run_collector(std::uint16_t port);

/// Fails when fewer than `required` GB are free on the root file system. Looks every two seconds.
engin::Co<absl::Status> guard_disk(std::uintmax_t required, Board& board);

/// Reads a sensor that hardly any machine has.
void read_barometer(Board& board);

}  // namespace telemetry

#endif  // ENGIN_DOCS_EXAMPLES_TELEMETRY_PARTS_H_
