// Where the parts of the service write what they know, and what they have to say.
#ifndef ENGIN_DOCS_EXAMPLES_TELEMETRY_BOARD_H_
#define ENGIN_DOCS_EXAMPLES_TELEMETRY_BOARD_H_

#include <iostream>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace telemetry {

/// The latest value of each figure. Any thread.
class Board {
 public:
  void set(const std::string& figure, std::string value) {
    const std::lock_guard lock(mutex_);
    values_.insert_or_assign(figure, std::move(value));
  }
  std::map<std::string, std::string> values() const {
    const std::lock_guard lock(mutex_);
    return values_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> values_;
};

/// One line on standard error, in one piece, where the supervisor's own lines go.
inline void say(std::string_view who, std::string_view what) {
  std::cerr << std::string(who).append(": ").append(what).append("\n");
}

}  // namespace telemetry

#endif  // ENGIN_DOCS_EXAMPLES_TELEMETRY_BOARD_H_
