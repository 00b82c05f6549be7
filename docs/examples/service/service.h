// A service to copy: lines come in, are counted and kept, and health is answered over HTTP.
#pragma once

#include <engin/engin.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

namespace service {

/// Plain data, supplied by main() from the environment and by tests as they like.
struct Config {
  std::string journal = "journal.txt";
  std::chrono::milliseconds flush_every{1000};
  /// None: no HTTP. 0: a port that is free; see HttpEndpoint.
  std::optional<int> http_port;

  /// Throws if something there makes no sense.
  static Config from_environment();
};

/// Where lines come from. An interface, so that a test can put its own here.
class Source {
 public:
  virtual ~Source() = default;
  /// The next line; nothing once there is none or `stop` fires. Throws when the connection is lost.
  virtual engin::Co<std::optional<std::string>> next(std::stop_token stop) = 0;
};

/// A resource that is opened and closed: see make_journal.
class Journal {
 public:
  explicit Journal(const Config& config) : path_(config.journal) {}
  void open();
  void close();
  void append(const std::string& line);
  /// Throws when the disk is full.
  void flush();
  std::uint64_t lines() const;

 private:
  const std::string path_;
  mutable std::mutex mutex_;
  std::ofstream file_;
  std::uint64_t lines_ = 0;
};

/// All of the service but its Config.
engin::Option all();

}  // namespace service
