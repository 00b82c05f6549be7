#include "runtime/thread_activity.h"

#include <array>
#include <cstdio>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <unistd.h>

namespace engin::runtime {
namespace {

// The one letter after the name in parentheses, which may itself contain any character.
bool is_runnable(pid_t thread) noexcept {
  std::array<char, 64> path;
  std::snprintf(path.data(), path.size(), "/proc/self/task/%d/stat", static_cast<int>(thread));
  const int file = open(path.data(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  std::array<char, 128> text;
  const ssize_t size = read(file, text.data(), text.size() - 1);
  close(file);
  if (size <= 0) return false;
  text[static_cast<std::size_t>(size)] = '\0';
  const char* name_end = std::strrchr(text.data(), ')');
  return name_end != nullptr && name_end[1] == ' ' && name_end[2] == 'R';
}

Duration processor_time_of(pid_t thread) noexcept {
  // How Linux numbers the processor-time clock of a thread. pthread_getcpuclockid says the same, but may be asked only
  // about a thread that is certain to exist.
  constexpr unsigned kScheduledTimeOfThread = 6;
  const auto clock = static_cast<clockid_t>((~static_cast<unsigned>(thread) << 3U) | kScheduledTimeOfThread);
  timespec time{};
  if (clock_gettime(clock, &time) != 0) return Duration::zero();
  return std::chrono::seconds(time.tv_sec) + Duration(time.tv_nsec);
}

}  // namespace

Activity activity_of(pid_t thread) noexcept {
  if (!is_runnable(thread)) return {};
  return {.asleep = false, .processor_time = processor_time_of(thread)};
}

}  // namespace engin::runtime
