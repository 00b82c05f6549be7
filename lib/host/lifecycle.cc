#include "engin/lifecycle.h"

#include <algorithm>
#include <string>
#include <utility>

#include "engin/errors.h"

namespace engin {

void Lifecycle::hook(LifecycleHook hook) {
  constexpr std::size_t longest_name = 100;
  const auto refused = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '#'; };
  if (hook.name.size() > longest_name || std::any_of(hook.name.begin(), hook.name.end(), refused)) {
    throw InvalidOptions("lifecycle hook", "name", "1 to 100 bytes, no control characters, no '#'");
  }
  if (hook.timeout <= Duration::zero()) throw InvalidOptions(hook.name, "timeout", "must be more than zero");
  const std::lock_guard lock(mutex_);
  if (closed_) throw AlreadyStarted("engin: Lifecycle::hook('" + hook.name + "') after the start");
  if (hook.name.empty()) hook.name = "hook " + std::to_string(hooks_.size() + 1);
  hooks_.push_back(std::move(hook));
}

}  // namespace engin
