#include "runtime/runner_pool.h"

#include <algorithm>
#include <utility>

#include "base/asymmetric_fence.h"
#include "base/clock.h"
#include "base/spin.h"
#include "base/this_thread.h"

// Posting, taking, searching, parking. Threads come and go in runner_threads.cc.
namespace engin::runtime {

namespace {

// One in this many times due timers and the Fresh queue come first, even if others are ready.
constexpr std::uint32_t kOthersTurn = 61;
// A thief takes half of the queue, but no more than this.
constexpr std::size_t kMostStolen = 32;
constexpr Duration kSpin = std::chrono::microseconds(10);
constexpr Duration kSurplusIdle = std::chrono::seconds(1);

}  // namespace

Runner* RunnerPool::here() const noexcept {
  Runner* runner = base::this_thread::own<Runner>();
  return runner != nullptr && &runner->pool == this ? runner : nullptr;
}

Runner* RunnerPool::core_here() const noexcept {
  Runner* runner = here();
  return runner != nullptr && runner->kind == Runner::Kind::Core ? runner : nullptr;
}

// --- Posting. ---

void RunnerPool::post(Job& job, Lane lane) noexcept {
  if (lane == Lane::Ready) {
    if (Runner* runner = core_here()) {
      const std::size_t size = runner->local.push(job);
      tell_of_local_jobs(size == 1 && runner->in_short_job());
      return;
    }
  }
  post_to_all(job, lane);
}

void RunnerPool::post_to_all(Job& job, Lane lane) noexcept {
  Others others;
  ReadyQueue& queue = lane == Lane::Stop ? stop_jobs_ : lane == Lane::Ready ? ready_jobs_ : fresh_jobs_;
  queue.push(job, [&] { others = look_at_others(); });
  tell(others);
  // The monitor may be waiting for the moment when others might count as captured.
  if (lane == Lane::Stop && !others.search && !others.parked) alarm_.ring();
}

void RunnerPool::post(JobList& jobs, Lane lane) noexcept {
  if (jobs.empty()) return;
  Others others;
  (lane == Lane::Ready ? ready_jobs_ : fresh_jobs_).append(jobs, [&] { others = look_at_others(); });
  tell(others);
}

RunnerPool::Others RunnerPool::look_at_others() const noexcept {
  return {searching_.load(std::memory_order_acquire) > 0, parked_.load(std::memory_order_acquire) > 0, alarm_.asleep()};
}

// (1), (2), (3) of the header.
void RunnerPool::tell(Others others) noexcept {
  if (others.search) return;
  if (others.parked && wake_one()) return;
  // Had the monitor been awake then, it would look before it sleeps, after the push.
  if (others.monitor_asleep) alarm_.ring_if_asleep();
}

// After a job was put into the local queue of the calling thread's runner.
void RunnerPool::tell_of_local_jobs(bool only_one_for_myself) noexcept {
  base::AsymmetricFence::light();  // the other one is in any_ready
  if (alarm_.asleep()) alarm_.ring_if_asleep();
  if (!only_one_for_myself) wake_if_all_idle();
}

void RunnerPool::wake_if_all_idle() noexcept {
  if (parked_.load(std::memory_order_relaxed) > 0 && searching_.load(std::memory_order_relaxed) == 0) wake_one();
}

bool RunnerPool::wake_one() noexcept {
  Runner* runner = nullptr;
  {
    const base::Lock lock(mutex_);
    if (parked_runners_.empty()) return false;
    runner = parked_runners_.back();
    parked_runners_.pop_back();
    parked_.fetch_sub(1, std::memory_order_acq_rel);
    searching_.fetch_add(1, std::memory_order_acq_rel);  // on its behalf
  }
  runner->wake.store(Runner::kWakeToSearch, std::memory_order_release);
  base::futex_wake(runner->wake, 1);
  return true;
}

bool RunnerPool::others_ready() const noexcept {
  const Runner* runner = here();
  return (runner != nullptr && runner->local.size() > 0) || ready_jobs_.size() > 0 || fresh_jobs_.size() > 0 ||
         stop_jobs_.size() > 0;
}

// --- Taking. ---

void RunnerPool::run_jobs(Runner& runner) noexcept {
  base::this_thread::own<Runner>() = &runner;
  searching_.fetch_add(1, std::memory_order_acq_rel);
  starting_.fetch_sub(1, std::memory_order_acq_rel);
  Job* job = search(runner);
  while (job != nullptr) {
    run_job(runner, *job);
    job = try_next(runner);
    if (job != nullptr) continue;
    searching_.fetch_add(1, std::memory_order_acq_rel);
    job = search(runner);
  }
  deadlines_.resign(runner);
  base::this_thread::own<Runner>() = nullptr;
}

void RunnerPool::run_stop_jobs(Runner& runner) noexcept {
  base::this_thread::own<Runner>() = &runner;
  starting_.fetch_sub(1, std::memory_order_acq_rel);
  while (Job* job = stop_jobs_.pop()) run_job(runner, *job);
  base::this_thread::own<Runner>() = nullptr;
}

bool RunnerPool::run_one() noexcept {
  Job* job = stop_jobs_.pop();
  if (job == nullptr) job = ready_jobs_.pop();
  if (job == nullptr) job = fresh_jobs_.pop();
  if (job == nullptr) return false;
  job->type->run(*job);
  return true;
}

void RunnerPool::run_job(Runner& runner, Job& job) noexcept {
  const JobType& type = *job.type;
  runner.begin_job(type);
  if (type.clean_thread) {
    thread_state_.apply();
#ifndef NDEBUG
    // It is asked afterwards what it has changed; not what a job of another kind did before it.
    ThreadState::reset_timer_slack();
#endif
    runner.ran_plain = true;
  }
  if (type.capture_after == Duration::zero() && !alarm_.asleep()) alarm_.ring();
  type.run(job);
}

Job* RunnerPool::try_next(Runner& runner) noexcept {
  const std::uint32_t turn = ++runner.turn;
  if (Job* job = stop_jobs_.pop()) return job;
  if (turn % kOthersTurn == 0) {
    if (Job* job = take_due(runner)) return job;
    if (Job* job = fresh_jobs_.pop()) return job;
  }
  if (turn % 2 == 0) {
    if (Job* job = ready_jobs_.pop()) return job;
  }
  if (Job* job = runner.local.pop()) return job;
  if (Job* job = ready_jobs_.pop()) return job;
  if (Job* job = take_due(runner)) return job;
  if (Job* job = fresh_jobs_.pop()) return job;
  return steal(runner);
}

// Fires timers: the first one's job; the others go to all, for they are as urgent. Or what `fire` itself has posted: it
// comes before Fresh too, and before this runner parks or ends.
Job* RunnerPool::take_due(Runner& runner) noexcept {
  const TimePoint next = deadlines_.next();
  if (next == TimePoint::max()) return nullptr;
  const TimePoint now = base::now();
  if (now < next) return nullptr;
  JobList due = deadlines_.fire_due(now, &runner);
  if (Job* job = due.pop()) {
    post(due, Lane::Ready);
    return job;
  }
  if (Job* job = stop_jobs_.pop()) return job;
  return runner.local.pop();
}

Job* RunnerPool::steal(Runner& thief) noexcept {
  const std::size_t places = places_used_.load(std::memory_order_acquire);
  for (std::size_t i = 1; i < places; ++i) {
    Runner& victim = *runner_at((thief.index + i) % places);
    if (&victim == &thief || !victim.has_jobs_to_give()) continue;
    JobList taken = victim.local.take_half(kMostStolen, !victim.in_short_job());
    Job* job = taken.pop();
    if (job == nullptr) continue;
    if (!taken.empty()) {
      thief.local.append(taken);
      tell_of_local_jobs(false);  // who looked meanwhile saw these in no queue
    }
    return job;
  }
  return nullptr;
}

// --- Searching and parking. ---

// The caller is counted in searching_, and is not when this returns.
Job* RunnerPool::search(Runner& runner) noexcept {
  runner.begin_search();
  do {
    if (Job* job = spin(runner)) {
      end_search();
      return job;
    }
  } while (park(runner) == Woken::ToSearch);
  return nullptr;
}

Job* RunnerPool::spin(Runner& runner) noexcept {
  Job* job = try_next(runner);
  // One who spins is enough.
  if (job != nullptr || searching_.load(std::memory_order_relaxed) > 1) return job;
  const TimePoint end = base::now() + kSpin;
  while (!stopping_.load(std::memory_order_relaxed)) {
    for (int i = 0; i < 16; ++i) base::spin_pause();
    if ((job = try_next(runner)) != nullptr) return job;
    if (base::now() >= end) break;
  }
  return nullptr;
}

void RunnerPool::end_search() noexcept {
  if (searching_.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
  if (look_for_work()) tell(look_at_others());
}

// Whether there is something that a searching runner would take. Exact for the shared queues.
bool RunnerPool::look_for_work() const noexcept {
  if (shared_jobs_exactly()) return true;
  const std::size_t places = places_used_.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < places; ++i) {
    if (runner_at(i)->has_jobs_to_give()) return true;
  }
  return false;
}

bool RunnerPool::any_ready() const noexcept {
  if (shared_jobs_exactly()) return true;
  base::AsymmetricFence::heavy();  // the other one is in tell_of_local_jobs
  const std::size_t places = places_used_.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < places; ++i) {
    if (runner_at(i)->local.size() > 0) return true;
  }
  return false;
}

bool RunnerPool::shared_jobs_exactly() const noexcept {
  return stop_jobs_.exact_size() > 0 || ready_jobs_.exact_size() > 0 || fresh_jobs_.exact_size() > 0;
}

// The caller is counted in searching_; it is again when this returns ToSearch.
RunnerPool::Woken RunnerPool::park(Runner& runner) noexcept {
  {
    const base::Lock lock(mutex_);
    searching_.fetch_sub(1, std::memory_order_acq_rel);
    if (stopping_.load(std::memory_order_relaxed)) return Woken::ToEnd;
    runner.wake.store(0, std::memory_order_relaxed);
    parked_runners_.push_back(&runner);
    parked_.fetch_add(1, std::memory_order_acq_rel);
  }
  if (look_for_work() && unpark(runner)) return Woken::ToSearch;
  const TimePoint due = deadlines_.park_until(runner);
  const bool keeps_time = due != TimePoint::max();
  // A callable's timer slack is not set before each job, for that would cost more than all else that a short one costs.
  const bool ran_plain = std::exchange(runner.ran_plain, false);
  if (keeps_time) {
    base::this_thread::sleep_precisely();
  } else if (ran_plain) {
    ThreadState::reset_timer_slack();
  }
  const Woken woken = sleep(runner, due);
  if (keeps_time) ThreadState::reset_timer_slack();
  return woken;
}

// Until somebody wakes it, or `due`, or it retires.
RunnerPool::Woken RunnerPool::sleep(Runner& runner, TimePoint due) noexcept {
  TimePoint retires_at = runners() > options_.runners ? base::now() + kSurplusIdle : TimePoint::max();
  while (runner.wake.load(std::memory_order_acquire) == 0) {
    const TimePoint until = std::min(due, retires_at);
    if (base::futex_wait(runner.wake, 0, until)) continue;
    // One that is no longer in the list is being woken.
    if (until == due) {
      if (unpark(runner)) return Woken::ToSearch;
      due = TimePoint::max();
    } else {
      if (retires(runner)) return Woken::ToEnd;
      retires_at = TimePoint::max();
    }
  }
  return runner.wake.load(std::memory_order_relaxed) == Runner::kWakeToEnd ? Woken::ToEnd : Woken::ToSearch;
}

// Leaves the list of parked runners; false if somebody was faster, and wakes it or has.
bool RunnerPool::unpark(Runner& runner) noexcept {
  const base::Lock lock(mutex_);
  const auto place = std::find(parked_runners_.rbegin(), parked_runners_.rend(), &runner);
  if (place == parked_runners_.rend()) return false;
  parked_runners_.erase(std::next(place).base());
  parked_.fetch_sub(1, std::memory_order_acq_rel);
  searching_.fetch_add(1, std::memory_order_acq_rel);
  return true;
}

}  // namespace engin::runtime
