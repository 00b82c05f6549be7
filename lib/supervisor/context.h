// In whose job the calling thread is.
#ifndef ENGIN_LIB_SUPERVISOR_CONTEXT_H_
#define ENGIN_LIB_SUPERVISOR_CONTEXT_H_

#include <cstdint>
#include <stop_token>

#include "base/context_slot.h"

namespace engin::detail {

class Core;
class Strand;
class Task;

struct JobContext {
  enum class Kind : std::uint8_t { Body, Hook, Blocking, StopCallback, Observer };
  Kind kind;
  Core* core;
  Task* task;                    // null: an observer or a callback of the supervisor as a whole
  Strand* strand;                // what a co_await here would leave; null where none may
  const std::stop_token* token;  // null: the attempt's (Task::token())
};

inline JobContext* current_job() noexcept { return static_cast<JobContext*>(base::context_slot()); }

class ContextScope {
 public:
  explicit ContextScope(JobContext& context) noexcept : outer_(base::set_context_slot(&context)) {}
  ContextScope(const ContextScope&) = delete;
  ContextScope& operator=(const ContextScope&) = delete;
  ~ContextScope() { base::set_context_slot(outer_); }

 private:
  void* outer_;
};

}  // namespace engin::detail

#endif  // ENGIN_LIB_SUPERVISOR_CONTEXT_H_
