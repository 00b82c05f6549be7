#include "runtime/control_runner.h"

#include <utility>

namespace engin::runtime {

int ControlRunner::start(base::Thread::Options thread) noexcept {
  open_.store(false, std::memory_order_relaxed);
  stopping_.store(false, std::memory_order_relaxed);
  return thread_.start(std::move(thread), [](void* self) { static_cast<ControlRunner*>(self)->run(); }, this);
}

void ControlRunner::open() noexcept {
  open_.store(true, std::memory_order_release);
  alarm_.ring();
}

void ControlRunner::end() noexcept {
  stopping_.store(true, std::memory_order_release);
  alarm_.ring();
}

void ControlRunner::post(Job& job) noexcept {
  jobs_.push(job, [] {});
  alarm_.ring();
}

bool ControlRunner::run_one() noexcept {
  Job* job = jobs_.pop();
  if (job == nullptr) return false;
  job->type->run(*job);
  return true;
}

void ControlRunner::help_with_stop_jobs() noexcept {
  helps_.store(true, std::memory_order_release);
  alarm_.ring();
}

void ControlRunner::run() noexcept {
  while (true) {
    const std::uint32_t round = alarm_.round();
    if (stopping_.load(std::memory_order_acquire)) return;
    bool ran = false;
    if (open_.load(std::memory_order_acquire)) {
      ran = run_one();
      Job* stop_job = helps_.load(std::memory_order_acquire) ? pool_.take_stop_job() : nullptr;
      if (stop_job != nullptr) {
        stop_job->type->run(*stop_job);
        ran = true;
      } else {
        helps_.store(false, std::memory_order_relaxed);
      }
    }
    // What was posted since has rung.
    if (!ran) alarm_.wait(round, TimePoint::max());
  }
}

}  // namespace engin::runtime
