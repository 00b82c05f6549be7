#include "posix.h"

#include <cerrno>
#include <system_error>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace telemetry {

namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

Descriptor make_socket() { return Descriptor(checked(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket")); }

}  // namespace

int checked(int result, const char* call) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), call);
  return result;
}

Descriptor::~Descriptor() {
  if (number_ >= 0) close(number_);
}

Descriptor open_for_reading(const std::string& path) {
  return Descriptor(checked(open(path.c_str(), O_RDONLY | O_CLOEXEC), path.c_str()));
}

Descriptor bind_to_loopback(std::uint16_t port) {
  Descriptor socket = make_socket();
  // Connections of the one that listened here before may linger.
  const int yes = 1;
  checked(setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes), "setsockopt");
  const sockaddr_in address = loopback(port);
  checked(bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
  return socket;
}

void start_listening(const Descriptor& socket) { checked(listen(socket.get(), SOMAXCONN), "listen"); }

std::uint16_t port_of(const Descriptor& socket) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  checked(getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length), "getsockname");
  return ntohs(address.sin_port);
}

Descriptor accept_from(const Descriptor& listener) {
  for (;;) {
    const int client = accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC);
    // A signal, or a client that has given up already: neither is a failure of ours.
    if (client < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
    return Descriptor(checked(client, "accept"));
  }
}

Descriptor connect_to_loopback(std::uint16_t port) {
  Descriptor socket = make_socket();
  const sockaddr_in address = loopback(port);
  checked(connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "connect");
  return socket;
}

void send_all(const Descriptor& socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    checked(static_cast<int>(sent), "send");
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
}

}  // namespace telemetry
