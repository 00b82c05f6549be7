#include <array>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>

#include "parts.h"

namespace telemetry {

using namespace std::chrono_literals;

void serve(const Descriptor& listener, const std::function<std::string()>& answer) {
  for (;;) {
    const Descriptor client = accept_from(listener);
    const timeval patience{.tv_sec = 1, .tv_usec = 0};
    checked(setsockopt(client.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience), "setsockopt");
    try {
      send_all(client, answer());
    } catch (const std::system_error& e) {
      say("server", std::string("a client went away: ") + e.what());
    }
  }
}

void run_uplink(std::uint16_t port, const Board& board) {
  const Descriptor socket = connect_to_loopback(port);
  say("uplink", "connected, at attempt " + std::to_string(engin::this_task::attempt()));
  engin::this_task::ready();  // from here on it is healthy: after a while of this, delays begin small again
  do {
    std::string message;
    for (const auto& [figure, value] : board.values()) message += figure + "=" + value + ";";
    send_all(socket, message + "\n");
  } while (engin::this_task::sleep_for(500ms));
}

engin::Co<> run_collector(std::uint16_t port) {
  const bool first = engin::this_task::attempt() == 1;
  if (first && !co_await engin::sleep_for(3s)) co_return;

  const Descriptor listener = bind_to_loopback(port);
  start_listening(listener);
  // A coroutine shares its thread with others: nothing in here may block.
  checked(fcntl(listener.get(), F_SETFL, O_NONBLOCK), "fcntl");
  say("collector", first ? "up, after all" : "up again");
  const auto up_since = engin::Clock::now();

  Descriptor uplink;
  std::size_t received = 0;
  while (co_await engin::sleep_for(100ms)) {
    if (Descriptor peer(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)); peer) uplink = std::move(peer);
    std::array<char, 4096> buffer;
    const ssize_t size = uplink ? recv(uplink.get(), buffer.data(), buffer.size(), MSG_DONTWAIT) : 0;
    if (size > 0) received += static_cast<std::size_t>(size);
    if (first && engin::Clock::now() - up_since > 4s) {
      throw std::runtime_error("crashed after " + std::to_string(received) + " bytes");
    }
  }
  say("collector", "received " + std::to_string(received) + " bytes this time");
}

}  // namespace telemetry
