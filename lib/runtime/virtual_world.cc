#include "runtime/virtual_world.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <utility>

#include "base/mutex.h"

namespace engin::runtime {

namespace {

/// Virtual time begins here: not at zero, so that subtracting from it stays a time.
constexpr TimePoint Beginning = TimePoint(std::chrono::hours(24 * 365));
/// So many steps without time passing are a loop that never ends.
constexpr std::size_t MostStepsAtOneMoment = 50'000'000;
/// Posting needs no memory where threads run, so it should not here.
constexpr std::size_t EnoughForMost = 128;
/// So many fibers are kept for worlds to come: making one takes longer than most worlds last.
constexpr std::size_t MostKept = 64;

thread_local VirtualWorld* world_here = nullptr;  // the one that runs on this thread
thread_local int locks_held = 0;                  // by what runs; nothing that holds one is ever set aside

}  // namespace

struct VirtualWorld::Carrier {
  Carrier() : fiber(&VirtualWorld::carry, this) {}
  VirtualWorld* world = nullptr;
  Fiber fiber;
  Job* job = nullptr;
  Timer* timer = nullptr;
  std::uint32_t tag = 0;
  std::uint64_t name = 0;
  Turn turn = Turn::None;
  const void* waits_about = nullptr;
  bool waiting = false;
  bool woken = false;  // stands among the ready
  TimePoint wake_at = TimePoint::max();
};

class VirtualWorld::CarrierPool {
 public:
  static CarrierPool& here() {
    thread_local CarrierPool pool;
    return pool;
  }
  std::unique_ptr<Carrier> take() {
    if (kept_.empty()) return std::make_unique<Carrier>();
    std::unique_ptr<Carrier> carrier = std::move(kept_.back());
    kept_.pop_back();
    return carrier;
  }
  void give_back(std::unique_ptr<Carrier> carrier) {
    if (kept_.size() < MostKept) kept_.push_back(std::move(carrier));
  }

 private:
  std::vector<std::unique_ptr<Carrier>> kept_;
};

VirtualWorld::VirtualWorld(std::uint64_t seed) : now_(Beginning), random_(seed) {
  ready_.reserve(EnoughForMost);
  control_.reserve(EnoughForMost);
}

VirtualWorld::~VirtualWorld() {
  for (Carrier* carrier : idle_) carrier->world = nullptr;
  for (std::unique_ptr<Carrier>& carrier : carriers_) {
    if (carrier->world == nullptr) CarrierPool::here().give_back(std::move(carrier));
  }
}

void VirtualWorld::start(Listener&) {}

void VirtualWorld::post(Job& job, Lane lane) noexcept {
  // Where threads run, the queues are made of the jobs themselves, and one that is in two of them ends both.
  if (std::exchange(job.next, &job) == &job) {
    std::fprintf(stderr, "engin: internal error: a job is posted that stands in a queue\n");
    std::abort();
  }
  if (lane == Lane::Control) {
    control_.push_back(&job);
  } else {
    ready_.push_back({&job, nullptr, nullptr, 0, ++latest_name_});
  }
}

// Now and then the attempt goes on at once although others are ready, as it may where others are quick to take their
// turn; mostly it does not, and never by the plainest choice, so that an endless chain of restarts is many steps.
bool VirtualWorld::others_ready() const noexcept { return choose(4) != 3; }

std::size_t VirtualWorld::choose(std::size_t n) const noexcept {
  if (n < 2) return 0;
  return note_choice(n, chooser_ != nullptr ? chooser_->choose(n) : random_.below(n));
}

std::size_t VirtualWorld::note_choice(std::size_t n, std::size_t pick) const noexcept {
  ++choices_;
  schedule_ = base::mix(schedule_ ^ (n << 32) ^ pick);
  return pick;
}

void VirtualWorld::interrupt(std::uint32_t one_in) noexcept {
  interrupt_ = one_in;
  base::lock_point.store(&VirtualWorld::at_lock, std::memory_order_relaxed);
}

void VirtualWorld::at_lock(int change) noexcept {
  if (world_here == nullptr) return;
  // Counted whether or not there are interruptions: they may end while somebody is set aside on the way to its lock.
  if (change < 0) --locks_held;
  if (locks_held == 0 && world_here->interrupt_ != 0) world_here->maybe_interrupt();
  if (change > 0) ++locks_held;
}

VirtualWorld::Uninterrupted::Uninterrupted() noexcept { ++locks_held; }
VirtualWorld::Uninterrupted::~Uninterrupted() { --locks_held; }

void VirtualWorld::maybe_interrupt() noexcept {
  if (current_ == nullptr) return;
  if (ready_.empty() && (control_busy_ || control_.empty()) && (timer_busy_ || due_.empty())) return;
  if (chooser_ != nullptr) {
    if (note_choice(2, chooser_->interrupts(names(true)) ? 0 : 1) != 0) return;
  } else if (choose(interrupt_) != 0) {
    return;
  }
  Carrier& carrier = *current_;
  ready_.push_back({nullptr, &carrier, nullptr, 0, carrier.name});
  Fiber::change(carrier.fiber, outside_);
}

void VirtualWorld::post(JobList& jobs, Lane lane) noexcept {
  while (Job* const job = jobs.pop()) post(*job, lane);
}

void VirtualWorld::arm(Timer& timer, TimePoint due, std::uint32_t tag) noexcept {
  timers_.arm(timer, due, tag);
  ++timer_count_;
}

bool VirtualWorld::rearm(Timer& timer, TimePoint due, std::uint32_t tag) noexcept {
  const bool was_armed = cancel(timer);
  arm(timer, due, tag);
  return was_armed;
}

bool VirtualWorld::cancel(Timer& timer) noexcept {
  if (!timers_.cancel(timer)) return false;
  --timer_count_;
  return true;
}

void VirtualWorld::collect_due() {
  TimerQueue::Due due[32];
  while (const std::size_t n = timers_.pop_due(now_, due)) {
    timer_count_ -= n;
    for (std::size_t i = 0; i < n; ++i) due_.push_back({nullptr, nullptr, due[i].timer, due[i].tag, ++latest_name_});
  }
  for (Carrier* carrier : waiting_) {
    if (carrier->wake_at <= now_) wake(*carrier);
  }
}

/// In the order in which take() counts them.
absl::Span<const std::uint64_t> VirtualWorld::names(bool current_first) const {
  names_.clear();
  if (current_first) names_.push_back(current_->name);
  for (const Ready& item : ready_) names_.push_back(item.name);
  if (!timer_busy_) {
    for (const Ready& item : due_) names_.push_back(item.name);
  }
  if (!control_busy_ && !control_.empty()) names_.push_back(0);
  return names_;
}

/// Chooses among all that could run.
bool VirtualWorld::take(Ready& item, Turn& turn) {
  const std::size_t due = timer_busy_ ? 0 : due_.size();
  const std::size_t control = control_busy_ || control_.empty() ? 0 : 1;
  const std::size_t n = ready_.size() + due + control;
  if (n == 0) return false;
  std::size_t pick = chooser_ != nullptr && n > 1 ? note_choice(n, chooser_->next(names(false))) : choose(n);
  std::vector<Ready>* from = &ready_;
  if (pick >= ready_.size()) {
    pick -= ready_.size();
    from = &due_;
    turn = Turn::Timer;
  }
  if (turn == Turn::Timer && pick == due) {
    turn = Turn::Control;
    item.job = control_.front();
    control_.erase(control_.begin());
    return true;
  }
  item = std::exchange((*from)[pick], from->back());
  from->pop_back();
  return true;
}

bool VirtualWorld::step() {
  collect_due();
  Ready item;
  Turn turn = Turn::None;
  if (!take(item, turn)) return false;
  if (item.carrier == nullptr) {
    if (item.job != nullptr) item.job->next = nullptr;
    item.carrier = &idle_carrier();
    item.carrier->job = item.job;
    item.carrier->timer = item.timer;
    item.carrier->tag = item.tag;
    item.carrier->name = item.name;
    item.carrier->turn = turn;
    if (turn == Turn::Control) control_busy_ = true;
    if (turn == Turn::Timer) timer_busy_ = true;
  }
  enter(*item.carrier);
  return true;
}

VirtualWorld::Carrier& VirtualWorld::idle_carrier() {
  if (idle_.empty()) {
    carriers_.push_back(CarrierPool::here().take());
    carriers_.back()->world = this;
    idle_.push_back(carriers_.back().get());
  }
  Carrier& carrier = *idle_.back();
  idle_.pop_back();
  return carrier;
}

void VirtualWorld::enter(Carrier& carrier) {
  current_ = &carrier;
  VirtualWorld* const outer = std::exchange(world_here, this);
  Fiber::change(outside_, carrier.fiber);
  world_here = outer;
  current_ = nullptr;
}

void VirtualWorld::carry(void* argument) {
  auto& carrier = *static_cast<Carrier*>(argument);
  for (;;) {
    VirtualWorld& world = *carrier.world;
    if (Timer* const timer = std::exchange(carrier.timer, nullptr)) {
      if (Job* const job = timer->fire(*timer, carrier.tag)) world.post(*job, Lane::Ready);
    } else {
      Job& job = *std::exchange(carrier.job, nullptr);
      job.type->run(job);
    }
    if (carrier.turn == Turn::Control) world.control_busy_ = false;
    if (carrier.turn == Turn::Timer) world.timer_busy_ = false;
    world.idle_.push_back(&carrier);
    Fiber::change(carrier.fiber, world.outside_);
  }
}

void VirtualWorld::leave(TimePoint until) {
  Carrier& carrier = *current_;
  carrier.wake_at = until;
  carrier.woken = false;
  carrier.waiting = true;
  waiting_.push_back(&carrier);
  Fiber::change(carrier.fiber, outside_);
  carrier.waiting = false;
  waiting_.erase(std::find(waiting_.begin(), waiting_.end(), &carrier));
}

void VirtualWorld::wake(Carrier& carrier) noexcept {
  if (!carrier.waiting || std::exchange(carrier.woken, true)) return;
  ready_.push_back({nullptr, &carrier, nullptr, 0, carrier.name});
}

std::size_t VirtualWorld::run_steps(std::size_t most) {
  if (inside()) throw std::logic_error("engin: a VirtualRuntime is run from inside itself");
  std::size_t n = 0;
  while (n < most && step()) {
    if (++n == MostStepsAtOneMoment) {
      throw std::logic_error("engin: the virtual world does not come to rest; something restarts for ever at once");
    }
  }
  return n;
}

std::optional<TimePoint> VirtualWorld::next_deadline() const noexcept {
  TimePoint next = timer_count_ != 0 ? timers_.next_due() : TimePoint::max();
  for (const Carrier* carrier : waiting_) next = std::min(next, carrier->wake_at);
  if (next == TimePoint::max()) return std::nullopt;
  return next;
}

bool VirtualWorld::wait(const void* about, absl::FunctionRef<bool()> done, TimePoint deadline) {
  if (inside()) {
    for (;;) {
      const std::uint64_t before = notifications_;
      if (done()) return true;
      if (notifications_ != before) continue;  // done() takes locks, and may have been interrupted there
      if (now_ >= deadline) return false;
      current_->waits_about = about;
      leave(deadline);
      current_->waits_about = nullptr;
    }
  }
  // The test itself waits: it runs the world until it may go on.
  std::size_t steps = 0;
  while (!done()) {
    if (step()) {
      if (++steps == MostStepsAtOneMoment) throw std::logic_error("engin: the virtual world does not come to rest");
      continue;
    }
    steps = 0;
    const std::optional<TimePoint> next = next_deadline();
    if (next && *next <= deadline) {
      now_ = std::max(now_, *next);
    } else if (deadline != TimePoint::max()) {
      now_ = std::max(now_, deadline);
      return done();
    } else {
      throw std::logic_error(
          "engin: a call waits for ever: nothing is ready in the virtual world, and no timer pending");
    }
  }
  return true;
}

void VirtualWorld::notify_waiters(const void* about) noexcept {
  ++notifications_;
  for (Carrier* carrier : waiting_) {
    if (carrier->waits_about == about) wake(*carrier);
  }
}

bool VirtualWorld::sleep(const std::stop_token& token, TimePoint until) {
  if (!inside()) throw std::logic_error("engin: this_task::sleep_for outside the virtual world");
  const std::stop_callback woken(token, [this, carrier = current_] { wake(*carrier); });
  while (!token.stop_requested() && now_ < until) leave(until);
  return !token.stop_requested();
}

void VirtualWorld::run_inline() noexcept {
  if (!inside()) {
    run_steps(MostStepsAtOneMoment);
  } else {
    // Whoever drives the world runs what was posted. Once nothing is left that could run now, time may pass.
    const bool others = !ready_.empty() || !due_.empty() || (!control_busy_ && !control_.empty());
    leave(others ? now_ : next_deadline().value_or(now_));
  }
}

Stats VirtualWorld::stats() const noexcept {
  Stats stats;
  stats.runners = static_cast<int>(carriers_.size() - idle_.size());
  stats.max_runners = stats.runners;
  stats.ready = ready_jobs();
  return stats;
}

void VirtualWorld::spawn(std::function<void()> f) {
  struct Spawned : Job {
    explicit Spawned(std::function<void()> function) : Job(type_of()), f(std::move(function)) {}
    static const JobType& type_of() {
      static constexpr JobType type{[](Job& job) noexcept {
                                      const std::unique_ptr<Spawned> self(static_cast<Spawned*>(&job));
                                      self->f();
                                    },
                                    Duration::zero()};
      return type;
    }
    std::function<void()> f;
  };
  post(*new Spawned(std::move(f)), Lane::Ready);
}

}  // namespace engin::runtime
