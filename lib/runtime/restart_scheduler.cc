#include "runtime/restart_scheduler.h"

#include <utility>

#include "base/clock.h"
#include "base/this_thread.h"

namespace engin::runtime {

int RestartScheduler::start(base::Thread::Options thread) noexcept {
  deadlines_.start();
  return thread_.start(std::move(thread), [](void* self) { static_cast<RestartScheduler*>(self)->run(); }, this);
}

void RestartScheduler::stop() noexcept {
  deadlines_.stop();
  thread_.join();
}

void RestartScheduler::run() noexcept {
  base::this_thread::sleep_precisely();
  while (true) {
    const TimePoint now = base::now();
    const Deadlines::Watch watch = deadlines_.watch(now);
    if (watch.stopping) return;
    if (!watch.due) {
      deadlines_.sleep(watch);
      continue;
    }
    JobList ready = deadlines_.fire_due(now, nullptr);
    pool_.post(ready, Lane::Ready);
  }
}

}  // namespace engin::runtime
