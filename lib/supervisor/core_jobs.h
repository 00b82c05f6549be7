// How a method of the core becomes a job or a timer's callback.
#ifndef ENGIN_LIB_SUPERVISOR_CORE_JOBS_H_
#define ENGIN_LIB_SUPERVISOR_CORE_JOBS_H_

#include "supervisor/context.h"
#include "supervisor/core.h"

namespace engin::detail {

template <void (Core::*Method)() noexcept>
const runtime::JobType& Core::job_type() noexcept {
  static constexpr runtime::JobType type{[](runtime::Job& job) noexcept {
                                           Core& core = static_cast<CoreJob&>(job).core;
                                           JobContext context{JobContext::Kind::Observer, &core, nullptr, nullptr,
                                                              nullptr};
                                           const ContextScope scope(context);
                                           (core.*Method)();
                                           core.unref();
                                         },
                                         std::chrono::microseconds(200)};
  return type;
}

template <void (Core::*Method)() noexcept>
runtime::Job* Core::fire(runtime::Timer& timer, std::uint32_t) noexcept {
  Core& core = static_cast<CoreTimer&>(timer).core;
  (core.*Method)();
  core.unref();  // never the last: a shutdown under way holds one
  return nullptr;
}

}  // namespace engin::detail

#endif  // ENGIN_LIB_SUPERVISOR_CORE_JOBS_H_
