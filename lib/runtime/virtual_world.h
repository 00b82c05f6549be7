// The world of testing::VirtualRuntime: everything runs on one thread, in an order that a seed decides, and time passes
// only when told to.
#ifndef ENGIN_LIB_RUNTIME_VIRTUAL_WORLD_H_
#define ENGIN_LIB_RUNTIME_VIRTUAL_WORLD_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "base/random.h"
#include "runtime/fiber.h"
#include "runtime/runtime.h"
#include "runtime/timer_queue.h"

namespace engin::runtime {

/// Makes a world's choices instead of its seed.
class Chooser {
 public:
  /// Which of `n` > 1 things is taken, from 0.
  virtual std::size_t choose(std::size_t n) = 0;
  /// Which of these goes next, from 0. A name stands for the same job or timer until that has ended.
  virtual std::size_t next(absl::Span<const std::uint64_t> who) = 0;
  /// Whether the first of these, which runs, is interrupted for another one.
  virtual bool interrupts(absl::Span<const std::uint64_t> who) = 0;

 protected:
  ~Chooser() = default;
};

/// Every job runs on a fiber. One that waits (Runtime::wait, Runtime::sleep) is left there, and taken up again when
/// what it waits for has come. All runnable things (jobs, fibers that woke, timers that are due) are choices; `step`
/// takes one of them, chosen by the seed. The control lane alone is in order and one at a time, and so are timers, in
/// any order.
///
/// Nothing interrupts what runs until it waits or ends, unless `interrupt` asks for it.
class VirtualWorld final : public Runtime {
 public:
  explicit VirtualWorld(std::uint64_t seed);
  ~VirtualWorld() override;

  /// Runs one runnable thing; false if there is none. Not from inside the world.
  bool step();
  std::size_t run_steps(std::size_t most);
  /// Lets time pass; runs nothing.
  void pass(Duration d) { now_ = detail::saturating_add(now_, d); }
  std::optional<TimePoint> next_deadline() const noexcept;
  std::size_t pending_timers() const noexcept { return timer_count_; }
  std::size_t ready_jobs() const noexcept { return ready_.size() + due_.size() + control_.size(); }
  void spawn(std::function<void()> f);
  /// From now on what runs may be interrupted before a lock is taken and after it was let go, one time in `one_in` if
  /// something else is ready; 0: never. A callback of a stop token must not be: its thread is how std::stop_callback
  /// recognises it, and all fibers have the same.
  void interrupt(std::uint32_t one_in) noexcept;
  /// While one lives, what runs is not interrupted.
  class Uninterrupted {
   public:
    Uninterrupted() noexcept;
    Uninterrupted(const Uninterrupted&) = delete;
    Uninterrupted& operator=(const Uninterrupted&) = delete;
    ~Uninterrupted();
  };
  /// Null: the seed decides.
  void set_chooser(Chooser* chooser) noexcept { chooser_ = chooser; }
  /// How many choices there were between more than one thing, and a hash of all of them.
  std::uint64_t choices() const noexcept { return choices_; }
  std::uint64_t schedule() const noexcept { return schedule_; }
  bool inside() const noexcept { return current_ != nullptr; }

  TimePoint now() const noexcept override { return now_; }
  void start(Listener& listener) override;
  void run_inline() noexcept override;
  /// Runs what is left: jobs that were overtaken by events still hold references.
  void stop() noexcept override { run_inline(); }
  /// At once: whoever drives the world goes on running what is posted.
  void stop_later(const void*, std::function<bool()>, std::function<void()> then) noexcept override {
    stop();
    then();
  }
  void post(Job& job, Lane lane) noexcept override;
  void post(JobList& jobs, Lane lane) noexcept override;
  bool others_ready() const noexcept override;
  void next_job(const JobType&) noexcept override {}
  std::string left_behind() const override { return {}; }
  void arm(Timer& timer, TimePoint due, std::uint32_t tag) noexcept override;
  bool rearm(Timer& timer, TimePoint due, std::uint32_t tag) noexcept override;
  bool cancel(Timer& timer) noexcept override;
  bool wait(const void* about, absl::FunctionRef<bool()> done, TimePoint deadline) override;
  void notify_waiters(const void* about) noexcept override;
  bool sleep(const std::stop_token& token, TimePoint until) override;
  std::uint64_t random_seed() noexcept override { return random_.next(); }
  Stats stats() const noexcept override;

 private:
  /// A fiber that runs one job after another, in one world after another.
  struct Carrier;
  class CarrierPool;
  /// One runnable thing.
  struct Ready {
    Job* job = nullptr;
    Carrier* carrier = nullptr;
    Timer* timer = nullptr;
    std::uint32_t tag = 0;
    std::uint64_t name = 0;  // for a Chooser
  };
  /// What must not run twice at a time.
  enum class Turn : std::uint8_t { None, Control, Timer };

  static void carry(void* carrier);
  void enter(Carrier& carrier);
  /// On a fiber: leaves it until it is woken or `until` has come.
  void leave(TimePoint until);
  void wake(Carrier& carrier) noexcept;
  void collect_due();
  std::size_t choose(std::size_t n) const noexcept;
  bool take(Ready& item, Turn& turn);
  absl::Span<const std::uint64_t> names(bool current_first) const;
  std::size_t note_choice(std::size_t n, std::size_t pick) const noexcept;
  Carrier& idle_carrier();
  static void at_lock(int change) noexcept;
  void maybe_interrupt() noexcept;

  TimePoint now_;
  mutable base::Random random_;
  TimerQueue timers_;
  std::size_t timer_count_ = 0;
  std::vector<Ready> ready_;
  std::vector<Ready> due_;  // timers
  bool timer_busy_ = false;
  std::vector<Job*> control_;
  bool control_busy_ = false;
  std::vector<std::unique_ptr<Carrier>> carriers_;
  std::vector<Carrier*> idle_;
  std::vector<Carrier*> waiting_;
  std::uint64_t notifications_ = 0;
  Carrier* current_ = nullptr;
  Fiber outside_;
  Chooser* chooser_ = nullptr;
  std::uint32_t interrupt_ = 0;
  std::uint64_t latest_name_ = 0;
  mutable std::vector<std::uint64_t> names_;
  mutable std::uint64_t choices_ = 0;
  mutable std::uint64_t schedule_ = 0;
};

}  // namespace engin::runtime

#endif  // ENGIN_LIB_RUNTIME_VIRTUAL_WORLD_H_
