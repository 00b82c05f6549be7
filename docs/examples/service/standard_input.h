// Lines from standard input.
#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "service.h"

namespace service {

class StandardInput final : public Source {
 public:
  StandardInput();
  StandardInput(const StandardInput&) = delete;
  StandardInput& operator=(const StandardInput&) = delete;
  ~StandardInput() override;
  engin::Co<std::optional<std::string>> next(std::stop_token stop) override;

 private:
  /// Blocks.
  std::optional<std::string> read_line(const std::stop_token& stop);

  int wake_;  // ends a read that blocks
  std::string buffer_;
};

}  // namespace service
