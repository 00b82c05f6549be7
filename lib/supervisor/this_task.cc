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

const std::stop_token& token_of(const JobContext& job) { return job.token != nullptr ? *job.token : job.task->token(); }

}  // namespace

std::stop_token stop_token() {
  const JobContext* job = job_of_task();
  return job != nullptr ? token_of(*job) : std::stop_token();
}

std::uint64_t attempt() noexcept {
  const JobContext* job = job_of_task();
  return job != nullptr ? job->task->attempt() : 0;
}

bool detail::sleep_for(Duration d) {
  const JobContext* job = job_of_task();
  if (job == nullptr) {
    if (d > Duration::zero()) std::this_thread::sleep_for(d);
    return true;
  }
  auto& runtime = job->core->runtime();
  return runtime.sleep(token_of(*job), engin::detail::saturating_add(runtime.now(), d));
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
  return job->task->current_stop_deadline(job->kind == JobContext::Kind::Hook);
}

}  // namespace engin::this_task
