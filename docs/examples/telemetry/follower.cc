#include <array>
#include <cerrno>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parts.h"

namespace telemetry {

namespace {

// A log file, read up to its end again and again.
class Log {
 public:
  explicit Log(const std::string& path) : file_(open_for_reading(path)) {}

  void read_on() {
    std::array<char, 16384> buffer;
    while (const int size = checked(static_cast<int>(read(file_.get(), buffer.data(), buffer.size())), "read")) {
      read_ += size;
      for (const char c : std::string_view(buffer.data(), static_cast<std::size_t>(size))) {
        if (c != '\n') {
          current_ += c;
        } else {
          ++lines_;
          last_.swap(current_);
          current_.clear();
        }
      }
    }
  }
  // Nothing will be appended to this file any more, or not after what was read.
  bool is_over() const {
    struct stat status{};
    checked(fstat(file_.get(), &status), "fstat");
    return status.st_nlink == 0 || status.st_size < read_;
  }
  std::string describe() const { return std::to_string(lines_) + " lines, last: " + last_; }

 private:
  Descriptor file_;
  off_t read_ = 0;
  std::size_t lines_ = 0;
  std::string last_;
  std::string current_;
};

// Tells when a file changes.
class Watch {
 public:
  explicit Watch(const std::string& path) : inotify_(checked(inotify_init1(IN_CLOEXEC), "inotify_init1")) {
    checked(inotify_add_watch(inotify_.get(), path.c_str(), IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF), path.c_str());
  }
  int descriptor() const noexcept { return inotify_.get(); }
  // Call it when the descriptor is readable. True if the file was moved away.
  bool take_changes() {
    alignas(inotify_event) std::array<char, 4096> buffer;
    const int size = checked(static_cast<int>(read(inotify_.get(), buffer.data(), buffer.size())), "read");
    bool moved = false;
    for (int at = 0; at < size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
      moved = moved || (event->mask & IN_MOVE_SELF) != 0;
      at += static_cast<int>(sizeof *event + event->len);
    }
    return moved;
  }

 private:
  Descriptor inotify_;
};

}  // namespace

void follow(const std::string& path, Board& board, const std::stop_token& stop) {
  Watch watch(path);  // before the first read: nothing falls between the two
  Log log(path);

  // What ends the wait when stop is requested. It belongs to this attempt, so it is in here and not in a shutdown hook.
  const Descriptor wake(checked(eventfd(0, EFD_CLOEXEC), "eventfd"));
  const std::stop_callback on_stop(stop, [&] { eventfd_write(wake.get(), 1); });

  while (!stop.stop_requested()) {
    log.read_on();
    board.set("log " + path, log.describe());

    std::array<pollfd, 2> sources{{{watch.descriptor(), POLLIN, 0}, {wake.get(), POLLIN, 0}}};
    if (poll(sources.data(), sources.size(), -1) < 0 && errno != EINTR) checked(-1, "poll");
    const bool changed = sources[0].revents != 0;
    if ((changed && watch.take_changes()) || log.is_over()) throw std::runtime_error(path + " was rotated");
  }
}

}  // namespace telemetry
