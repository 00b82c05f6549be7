#include "standard_input.h"

#include <array>
#include <cerrno>
#include <system_error>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace service {

StandardInput::StandardInput() : wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

StandardInput::~StandardInput() { close(wake_); }

engin::Co<std::optional<std::string>> StandardInput::next(std::stop_token stop) {
  auto read = [this, &stop] { return read_line(stop); };
  co_return co_await engin::blocking(read);
}

std::optional<std::string> StandardInput::read_line(const std::stop_token& stop) {
  eventfd_t earlier = 0;
  eventfd_read(wake_, &earlier);  // the stop of an earlier attempt
  const std::stop_callback wake(stop, [this] { eventfd_write(wake_, 1); });
  while (!stop.stop_requested()) {
    if (const auto end = buffer_.find('\n'); end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    std::array<pollfd, 2> waiting{pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{wake_, POLLIN, 0}};
    if (poll(waiting.data(), waiting.size(), -1) < 0 || (waiting[0].revents == 0)) continue;
    std::array<char, 4096> bytes{};
    const ssize_t got = read(STDIN_FILENO, bytes.data(), bytes.size());
    if (got == 0) return std::nullopt;
    if (got > 0) buffer_.append(bytes.data(), static_cast<std::size_t>(got));
    if (got < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "read");
  }
  return std::nullopt;
}

}  // namespace service
