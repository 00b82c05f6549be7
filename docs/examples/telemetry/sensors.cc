#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include <unistd.h>

#include "parts.h"

namespace telemetry {

using namespace std::chrono_literals;

namespace {

constexpr std::uintmax_t gigabyte = 1'000'000'000;

}  // namespace

engin::Co<absl::Status> guard_disk(std::uintmax_t required, Board& board) {
  // The answer has a name because g++ 12 miscompiles an await in the condition here (docs/concepts/coroutines.md).
  for (bool goes_on = co_await engin::sleep_for(2s); goes_on; goes_on = co_await engin::sleep_for(2s)) {
    const std::uintmax_t free = std::filesystem::space("/").available / gigabyte;
    board.set("disk", std::to_string(free) + " GB free");
    if (free < required) {
      co_return absl::ResourceExhaustedError("the disk has " + std::to_string(free) + " GB left, which is too little");
    }
  }
  co_return absl::OkStatus();
}

void read_barometer(Board& board) {
  const Descriptor device = open_for_reading("/dev/barometer0");
  char pressure = 0;
  checked(static_cast<int>(read(device.get(), &pressure, 1)), "read");
  board.set("barometer", std::to_string(pressure));
}

}  // namespace telemetry
