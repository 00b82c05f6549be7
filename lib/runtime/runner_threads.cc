// How the runners of a pool come and go.
#include <algorithm>
#include <cerrno>
#include <mutex>
#include <new>
#include <shared_mutex>
#include <utility>

#include "base/asymmetric_fence.h"
#include "base/this_thread.h"
#include "runtime/arena.h"
#include "runtime/runner_pool.h"

namespace engin::runtime {

namespace {

// Beyond max_runners, for stop jobs, and in the place of runners that these hold.
constexpr int kMaxStopRunners = 64;
// How many runners a new one starts first.
constexpr int kFirstAct = 2;

}  // namespace

RunnerPool::RunnerPool(Options options, Deadlines& deadlines)
    : options_(std::move(options)),
      deadlines_(deadlines),
      // One who retires gives its place back only when it has joined the one before.
      capacity_(static_cast<std::size_t>(options_.max_runners + kMaxStopRunners + 2)),
      places_(std::make_unique<base::Atomic<Runner*>[]>(capacity_)) {
  base::AsymmetricFence::prepare();
  const base::Lock lock(mutex_);
  parked_runners_.reserve(capacity_);
}

RunnerPool::~RunnerPool() {
  for (std::size_t i = 0; i < capacity_; ++i) delete places_[i].load(std::memory_order_relaxed);
}

Runner* RunnerPool::runner_at(std::size_t index) const noexcept {
  return places_[index].load(std::memory_order_acquire);
}

int RunnerPool::start(Listener& listener, std::shared_ptr<const void> keep_alive) {
  listener_ = &listener;
  keep_alive_ = keep_alive;
  thread_state_ = ThreadState::current();
  // Nothing grows meanwhile: somebody is starting.
  starting_.fetch_add(1, std::memory_order_acq_rel);
  stopping_.store(false, std::memory_order_release);
  const std::shared_lock start(starts_);
  int error = 0;
  int started = 0;
  while (started < options_.runners && (error = start_runner(Runner::Kind::Core)) == 0) ++started;
  // If only some of them can be had, growth tries again when they are needed.
  if (started > 0) error = 0;
  if (error != 0) stopping_.store(true, std::memory_order_relaxed);
  starting_.fetch_sub(1, std::memory_order_acq_rel);
  return error;
}

void RunnerPool::stop(TimePoint deadline) noexcept {
  std::vector<Runner*> parked;
  {
    const base::Lock lock(mutex_);
    stopping_.store(true, std::memory_order_relaxed);
    parked.swap(parked_runners_);
    parked_.store(0, std::memory_order_relaxed);
  }
  for (Runner* runner : parked) {
    runner->wake.store(Runner::kWakeToEnd, std::memory_order_release);
    base::futex_wake(runner->wake, 1);
  }
  // From here on nobody takes a place, or retires: who was about to start a runner has done so, others are refused. Not
  // held while joining, for a runner may be on its way to being refused.
  {
    const std::unique_lock starts_over(starts_);
  }
  for (std::size_t i = 0; i < places_used_.load(std::memory_order_acquire); ++i) {
    Runner& runner = *runner_at(i);
    bool joined_by_another = false;
    {
      const base::Lock lock(mutex_);
      joined_by_another = runner.being_joined;
    }
    if (!joined_by_another) runner.thread.join_or_leave(deadline);
  }
}

// --- Starting. ---

Runner* RunnerPool::take_place(Runner::Kind kind) noexcept {
  const base::Lock lock(mutex_);
  if (stopping_.load(std::memory_order_relaxed)) return nullptr;
  const std::size_t used = places_used_.load(std::memory_order_relaxed);
  std::size_t index = 0;
  while (index < used && runner_at(index)->taken) ++index;
  if (index == capacity_) return nullptr;
  if (index == used) {
    if (runner_at(index) == nullptr) {
      auto* runner = new (std::nothrow) Runner(*this, index);
      if (runner == nullptr) return nullptr;
      places_[index].store(runner, std::memory_order_release);
    }
    places_used_.store(used + 1, std::memory_order_release);
  }
  Runner& runner = *runner_at(index);
  runner.taken = true;
  runner.kind = kind;
  runner.active.store(true, std::memory_order_relaxed);
  (kind == Runner::Kind::Core ? runners_ : stop_runners_).fetch_add(1, std::memory_order_relaxed);
  starting_.fetch_add(1, std::memory_order_acq_rel);
  return &runner;
}

void RunnerPool::give_place_back(Runner& runner) noexcept {
  const base::Lock lock(mutex_);
  runner.taken = false;
  runner.being_joined = false;
  std::size_t used = places_used_.load(std::memory_order_relaxed);
  while (used > 0 && !runner_at(used - 1)->taken) --used;
  places_used_.store(used, std::memory_order_release);
}

void RunnerPool::leave(Runner& runner) noexcept {
  runner.active.store(false, std::memory_order_relaxed);
  (runner.kind == Runner::Kind::Core ? runners_ : stop_runners_).fetch_sub(1, std::memory_order_relaxed);
}

// Not after stop(): whoever adds one, and tells of it, is waited for there.
int RunnerPool::add_runner() noexcept {
  const std::shared_lock start(starts_);
  const int error = start_runner(Runner::Kind::Core);
  if (error == 0) listener_->runner_added(runners());
  return error;
}

int RunnerPool::start_runner(Runner::Kind kind) noexcept {
  std::shared_ptr<const void> keep_alive = keep_alive_.lock();
  Runner* runner = keep_alive != nullptr ? take_place(kind) : nullptr;
  if (runner == nullptr) return ENOMEM;
  int error = ENOMEM;
  try {
    const char* role = kind == Runner::Kind::Core ? "/run" : "/stop";
    error = runner->thread.start({.name = options_.name + role + std::to_string(runner->index),
                                  .stack_size = options_.stack_size,
                                  .keep_alive = std::move(keep_alive)},
                                 &RunnerPool::run, runner);
  } catch (const std::bad_alloc&) {
    error = ENOMEM;
  }
  if (error == 0) return 0;
  {
    const base::Lock lock(mutex_);
    leave(*runner);
    starting_.fetch_sub(1, std::memory_order_acq_rel);
    wave_ = 0;
  }
  give_place_back(*runner);
  return error;
}

RunnerPool::Growth RunnerPool::grow(std::size_t wave) noexcept {
  const int held = held_by_stop_jobs();
  {
    const base::Lock lock(mutex_);
    if (stopping_.load(std::memory_order_acquire) || someone_free()) return Growth::Unneeded;
    const int beyond = std::clamp(held, 0, kMaxStopRunners - stop_runners_.load(std::memory_order_relaxed));
    const int room = options_.max_runners + beyond - runners();
    if (room <= 0) return Growth::Full;
    wave_ = std::min(wave, static_cast<std::size_t>(room)) - 1;
  }
  return add_runner() == 0 ? Growth::Started : Growth::Refused;
}

RunnerPool::Growth RunnerPool::grow_for_stop_jobs(std::size_t wave) noexcept {
  const std::shared_lock start(starts_);
  for (std::size_t i = 0; i < wave; ++i) {
    const int beyond = std::max(0, runners() - options_.max_runners);
    if (stop_runners_.load(std::memory_order_relaxed) + beyond >= kMaxStopRunners)
      return i > 0 ? Growth::Started : Growth::Full;
    if (start_runner(Runner::Kind::Stop) != 0) return i > 0 ? Growth::Started : Growth::Refused;
  }
  return Growth::Started;
}

// What a new runner does first: so the number of those who start others doubles. As many as there are jobs that nobody
// is coming for.
void RunnerPool::continue_wave() noexcept {
  for (int i = 0; i < kFirstAct; ++i) {
    {
      const base::Lock lock(mutex_);
      if (wave_ == 0) return;
      const auto coming = static_cast<std::size_t>(starting_.load(std::memory_order_relaxed) +
                                                   searching_.load(std::memory_order_relaxed));
      if (ready().all <= coming) {
        wave_ = 0;
        return;
      }
      --wave_;
    }
    if (add_runner() != 0) return;
  }
}

// --- A runner's life. ---

void RunnerPool::run(void* runner_place) noexcept {
  Runner& runner = *static_cast<Runner*>(runner_place);
  RunnerPool& pool = runner.pool;
  runner.thread_id.store(base::this_thread::id(), std::memory_order_relaxed);
  pool.thread_state_.apply();
  const bool core = runner.kind == Runner::Kind::Core;
  if (core) pool.continue_wave();
  in_own_arena([&] { core ? pool.run_jobs(runner) : pool.run_stop_jobs(runner); });
  pool.retire(runner);
}

// A surplus runner that was parked for long leaves the list; false if it is needed after all.
bool RunnerPool::retires(Runner& runner) noexcept {
  const base::Lock lock(mutex_);
  if (runners() <= options_.runners) return false;
  const auto place = std::find(parked_runners_.begin(), parked_runners_.end(), &runner);
  if (place == parked_runners_.end()) return false;
  parked_runners_.erase(place);
  parked_.fetch_sub(1, std::memory_order_acq_rel);
  leave(runner);
  return true;
}

// The last that a runner does. It cannot join itself, so it joins the one that retired before it.
void RunnerPool::retire(Runner& runner) noexcept {
  Runner* before = nullptr;
  {
    const base::Lock lock(mutex_);
    if (runner.active.load(std::memory_order_relaxed)) leave(runner);
    if (stopping_.load(std::memory_order_relaxed)) return;
    before = std::exchange(retired_, &runner);
    if (before != nullptr) before->being_joined = true;
  }
  if (before == nullptr) return;
  before->thread.join();
  give_place_back(*before);
}

// --- For the growth monitor. ---

void RunnerPool::for_each_runner(absl::FunctionRef<void(Runner&)> f) const {
  const std::size_t places = places_used_.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < places; ++i) {
    Runner& runner = *runner_at(i);
    if (runner.active.load(std::memory_order_relaxed)) f(runner);
  }
}

RunnerPool::Ready RunnerPool::ready() const noexcept {
  Ready ready{.stop = stop_jobs_.size(), .all = ready_jobs_.size() + fresh_jobs_.size()};
  ready.all += ready.stop;
  const std::size_t places = places_used_.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < places; ++i) ready.all += runner_at(i)->local.size();
  return ready;
}

int RunnerPool::captured() const noexcept {
  int captured = 0;
  for_each_runner([&](const Runner& runner) { captured += runner.is_captured() ? 1 : 0; });
  return captured;
}

int RunnerPool::held_by_stop_jobs() const noexcept {
  int held = 0;
  for_each_runner([&](const Runner& runner) { held += runner.is_held_by_stop_job() ? 1 : 0; });
  return held;
}

bool RunnerPool::someone_free() const noexcept {
  return starting_.load(std::memory_order_acquire) > 0 || searching_.load(std::memory_order_acquire) > 0 ||
         parked_.load(std::memory_order_acquire) > 0;
}

void RunnerPool::share_jobs_of(Runner& runner) noexcept {
  JobList jobs = runner.local.take_all();
  post(jobs, Lane::Ready);
}

}  // namespace engin::runtime
