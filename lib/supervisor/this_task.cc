#include "engin/this_task.h"

#include <thread>

#include "supervisor/context.h"
#include "supervisor/core.h"
#include "supervisor/task.h"

namespace engin::this_task {

namespace {

using engin::detail::JobContext;

/// The job of a task that this thread is in, or null.
JobContext* job_of_task() noexcept {
  JobContext* job = engin::detail::current_job();
  return job != nullptr && job->task != nullptr && job->kind != JobContext::Kind::Observer ? job : nullptr;
}

}  // namespace

std::stop_token stop_token() noexcept {
  const JobContext* job = job_of_task();
  return job != nullptr && job->token != nullptr ? *job->token : std::stop_token();
}

std::uint64_t attempt() noexcept {
  const JobContext* job = job_of_task();
  return job != nullptr ? job->task->attempt() : 0;
}

bool detail::sleep_for(Duration d) {
  const JobContext* job = job_of_task();
  if (job == nullptr || job->token == nullptr) {
    if (d > Duration::zero()) std::this_thread::sleep_for(d);
    return true;
  }
  auto& runtime = job->core->runtime();
  return runtime.sleep(*job->token, engin::detail::saturating_add(runtime.now(), d));
}

void ready() {
  if (const JobContext* job = job_of_task()) job->task->mark_ready();
}

void beat() noexcept {
  if (const JobContext* job = job_of_task()) job->task->beat();
}

StopReason stop_reason() noexcept {
  const JobContext* job = job_of_task();
  return job != nullptr ? job->task->current_stop_reason() : StopReason::None;
}

TimePoint stop_deadline() noexcept {
  const JobContext* job = job_of_task();
  if (job == nullptr) return TimePoint::max();
  return job->task->current_stop_deadline(job->kind == JobContext::Kind::Hook ? job->strand : nullptr);
}

}  // namespace engin::this_task
