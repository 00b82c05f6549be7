// The system calls that the parts of the service share. What fails throws std::system_error.
#ifndef ENGIN_DOCS_EXAMPLES_TELEMETRY_POSIX_H_
#define ENGIN_DOCS_EXAMPLES_TELEMETRY_POSIX_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace telemetry {

/// Throws errno as a std::system_error, unless `result` is that of a call that succeeded.
int checked(int result, const char* call);

/// Owns a file descriptor.
class Descriptor {
 public:
  Descriptor() noexcept = default;
  explicit Descriptor(int number) noexcept : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor();

  int get() const noexcept { return number_; }
  explicit operator bool() const noexcept { return number_ >= 0; }

 private:
  int number_ = -1;
};

Descriptor open_for_reading(const std::string& path);

/// A socket at 127.0.0.1. Port 0: one that the kernel chooses. Nobody can connect before `start_listening`.
Descriptor bind_to_loopback(std::uint16_t port = 0);
void start_listening(const Descriptor& socket);
std::uint16_t port_of(const Descriptor& socket);

/// Blocks until somebody connects. Throws once the listener was shut down.
Descriptor accept_from(const Descriptor& listener);
/// Throws if nobody listens there.
Descriptor connect_to_loopback(std::uint16_t port);
void send_all(const Descriptor& socket, std::string_view text);

}  // namespace telemetry

#endif  // ENGIN_DOCS_EXAMPLES_TELEMETRY_POSIX_H_
