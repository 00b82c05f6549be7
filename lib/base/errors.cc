#include "engin/errors.h"

#include <string>
#include <utility>

#include "base/text.h"

namespace engin {

namespace {

std::string invalid_options_text(const std::string& task, const std::string& field, const std::string& reason) {
  std::string text = "engin: ";
  if (!task.empty()) text += "task '" + base::one_line(task) + "': ";
  return text + field + ": " + reason;
}

}  // namespace

// The destructors are here, so that each type has one home for its type information: what a program catches is then the
// same type in every shared object.
Error::~Error() = default;

InvalidOptions::InvalidOptions(const std::string& task, std::string field, const std::string& reason)
    : Error(invalid_options_text(task, field, reason)), field_(std::move(field)) {}
InvalidOptions::~InvalidOptions() = default;

DuplicateName::DuplicateName(const std::string& name)
    : InvalidOptions(name, "name", "a task of this name is present already") {}
DuplicateName::~DuplicateName() = default;

AlreadyStarted::~AlreadyStarted() = default;
NotStarted::~NotStarted() = default;
SupervisorStopping::~SupervisorStopping() = default;
WouldDeadlock::~WouldDeadlock() = default;
NotInTask::~NotInTask() = default;
NullCoroutine::~NullCoroutine() = default;
StartFailed::~StartFailed() = default;
ForkedChild::~ForkedChild() = default;

Stopped::~Stopped() = default;
const char* Stopped::what() const noexcept { return "engin: the task ends since stop was requested"; }

Abandoned::~Abandoned() = default;
const char* Abandoned::what() const noexcept { return "engin: the resumer was dropped without a call"; }

}  // namespace engin
