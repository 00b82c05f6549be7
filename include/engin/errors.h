// The exceptions that engin throws. Misuse and a failed start throw one of these, name the culprit, and leave
// everything as it was. A task's own failure is never thrown at anybody: it is data (failure.h).
#ifndef ENGIN_ERRORS_H_
#define ENGIN_ERRORS_H_

#include <exception>
#include <stdexcept>
#include <string>

#include "engin/detail/export.h"

namespace engin {

/// The root of all that engin throws on misuse.
class ENGIN_EXPORT Error : public std::logic_error {
 public:
  using std::logic_error::logic_error;
  ~Error() override;
};

/// A callable, name or option that cannot be accepted. `field()` is the member of the options at fault
/// ("backoff.multiplier"), "callable", or "name".
class ENGIN_EXPORT InvalidOptions : public Error {
 public:
  InvalidOptions(const std::string& task, std::string field, const std::string& reason);
  ~InvalidOptions() override;
  const std::string& field() const noexcept { return field_; }

 private:
  std::string field_;
};

/// A name that a task present already has.
class ENGIN_EXPORT DuplicateName : public InvalidOptions {
 public:
  explicit DuplicateName(const std::string& name);
  ~DuplicateName() override;
};

/// `start()` was called a second time.
class ENGIN_EXPORT AlreadyStarted : public Error {
 public:
  using Error::Error;
  ~AlreadyStarted() override;
};

/// `wait()` was called before `start()`: it could never end.
class ENGIN_EXPORT NotStarted : public Error {
 public:
  using Error::Error;
  ~NotStarted() override;
};

/// `supervise()` was called after shutdown began. Nothing was kept.
class ENGIN_EXPORT SupervisorStopping : public Error {
 public:
  using Error::Error;
  ~SupervisorStopping() override;
};

/// A wait that could never end, since it would wait for its own caller. The text names the task.
class ENGIN_EXPORT WouldDeadlock : public Error {
 public:
  using Error::Error;
  ~WouldDeadlock() override;
};

/// An awaitable of engin was awaited, or a null coroutine handed over, outside a supervised task.
class ENGIN_EXPORT NotInTask : public Error {
 public:
  using Error::Error;
  ~NotInTask() override;
};

/// A coroutine that was moved from or already run was awaited, or a callable returned one.
class ENGIN_EXPORT NullCoroutine : public Error {
 public:
  using Error::Error;
  ~NullCoroutine() override;
};

/// The system gave no thread. The supervisor is as before the call.
class ENGIN_EXPORT StartFailed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  ~StartFailed() override;
};

/// A call of a supervisor or handle in the child of a fork: the parent's threads do not exist there. Destructors and
/// functions that cannot throw do nothing there; a handle's state is Stopped.
class ENGIN_EXPORT ForkedChild : public Error {
 public:
  using Error::Error;
  ~ForkedChild() override;
};

/// Thrown *by a task* to end itself quietly after stop was requested. Without a stop request it is a failure like any
/// other.
class ENGIN_EXPORT Stopped : public std::exception {
 public:
  ~Stopped() override;
  const char* what() const noexcept override;
};

/// What `co_await suspend(...)` throws when its resumer was dropped uncalled.
class ENGIN_EXPORT Abandoned : public std::exception {
 public:
  ~Abandoned() override;
  const char* what() const noexcept override;
};

}  // namespace engin

#endif  // ENGIN_ERRORS_H_
