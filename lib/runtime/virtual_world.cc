#include "runtime/virtual_world.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace engin::runtime {

namespace {

/// Virtual time begins here: not at zero, so that subtracting from it stays a time.
constexpr TimePoint Beginning = TimePoint(std::chrono::hours(24 * 365));
/// So many steps without time passing are a loop that never ends.
constexpr std::size_t MostStepsAtOneMoment = 50'000'000;

}  // namespace

VirtualWorld::VirtualWorld(std::uint64_t seed) : now_(Beginning), random_(seed) {}

VirtualWorld::~VirtualWorld() = default;

void VirtualWorld::start(Listener&) {}

void VirtualWorld::post(Job& job, Lane lane) noexcept {
  if (lane == Lane::Control) {
    control_.push_back(&job);
  } else {
    ready_.push_back({&job, nullptr, nullptr, 0});
  }
}

// Now and then the attempt goes on at once although others are ready, as it may where others are quick to take their
// turn; mostly it does not, so that an endless chain of restarts is many steps.
bool VirtualWorld::others_ready() const noexcept { return random_.below(4) != 0; }

void VirtualWorld::arm(Timer& timer, TimePoint due, std::uint32_t tag) noexcept {
  timers_.arm(timer, due, tag);
  ++timer_count_;
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
    for (std::size_t i = 0; i < n; ++i) ready_.push_back({nullptr, nullptr, due[i].timer, due[i].tag});
  }
  for (Carrier* carrier : waiting_) {
    if (carrier->wake_at <= now_) wake(*carrier);
  }
}

bool VirtualWorld::step() {
  collect_due();
  const bool control = !control_busy_ && !control_.empty();
  const std::size_t choices = ready_.size() + (control ? 1 : 0);
  if (choices == 0) return false;
  const std::size_t pick = random_.below(choices);
  Ready item;
  if (pick == ready_.size()) {
    item.job = control_.front();
    control_.pop_front();
    control_busy_ = true;
  } else {
    item = std::exchange(ready_[pick], ready_.back());
    ready_.pop_back();
  }
  if (item.timer != nullptr) {
    item.timer->fire(*item.timer, item.tag);
    return true;
  }
  Carrier* carrier = item.carrier;
  if (carrier == nullptr) {
    if (idle_.empty()) {
      carriers_.push_back(std::make_unique<Carrier>(*this));
      idle_.push_back(carriers_.back().get());
    }
    carrier = idle_.back();
    idle_.pop_back();
    carrier->job = item.job;
    carrier->control = pick == ready_.size() && control;
  }
  enter(*carrier);
  return true;
}

void VirtualWorld::enter(Carrier& carrier) {
  current_ = &carrier;
  Fiber::change(outside_, carrier.fiber);
  current_ = nullptr;
}

void VirtualWorld::carry(void* argument) {
  auto& carrier = *static_cast<Carrier*>(argument);
  VirtualWorld& world = carrier.world;
  for (;;) {
    Job& job = *std::exchange(carrier.job, nullptr);
    job.type->run(job);
    if (carrier.control) world.control_busy_ = false;
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
  ready_.push_back({nullptr, &carrier, nullptr, 0});
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

bool VirtualWorld::wait(absl::FunctionRef<bool()> done, TimePoint deadline) {
  if (inside()) {
    while (!done()) {
      if (now_ >= deadline) return false;
      leave(deadline);
    }
    return true;
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
      throw std::logic_error("engin: a call waits for ever: nothing is ready in the virtual world, and no timer pending");
    }
  }
  return true;
}

void VirtualWorld::notify_waiters() noexcept {
  for (Carrier* carrier : waiting_) wake(*carrier);
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
    leave(now_);  // whoever drives the world runs what was posted
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
