// Time and order under control of a test.
#ifndef ENGIN_TESTING_VIRTUAL_RUNTIME_H_
#define ENGIN_TESTING_VIRTUAL_RUNTIME_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "engin/detail/export.h"
#include "engin/detail/time.h"

namespace engin::runtime {
class Runtime;
class VirtualWorld;
}  // namespace engin::runtime

namespace engin::testing {

/// A world in which supervisors run without threads and without waiting: every job runs on the calling thread, in an
/// order that the seed decides, and time passes only when told to.
///
///     testing::VirtualRuntime world(42);
///     Supervisor s({.runtime = world});
///     auto task = s.supervise(body, {.on_exception = OnException::Retry});
///     s.start();
///     world.run_until_idle();
///     world.advance(100ms);
///
/// An unchanged callable or coroutine runs on it. A plain callable that waits by this_task::sleep_for waits in virtual
/// time; one that blocks in any other way blocks the test. A call that waits (wait, shutdown, stop, the destructor),
/// made by the test itself, runs the world, time included, until it can return, and throws std::logic_error if nothing
/// is left that could end it. Must outlive its supervisors, though not their handles. One thread only.
class ENGIN_EXPORT VirtualRuntime {
 public:
  explicit VirtualRuntime(std::uint64_t seed = 1);
  VirtualRuntime(const VirtualRuntime&) = delete;
  VirtualRuntime& operator=(const VirtualRuntime&) = delete;
  ~VirtualRuntime();

  /// Runs what is ready until nothing is; timers that are due now included. Returns how many jobs ran. An endless chain
  /// of ready jobs (Backoff::immediate() that always fails) never idles: see `run_steps`.
  std::size_t run_until_idle();
  /// Runs at most `n` jobs; how many there were.
  std::size_t run_steps(std::size_t n);
  /// run_until_idle, then lets `d` pass, running what becomes due in its order.
  template <class Rep, class Period>
  void advance(std::chrono::duration<Rep, Period> d) {
    advance_by(detail::saturate(d));
  }
  /// Lets time pass to the next deadline and runs what is due then; false if there is none.
  bool advance_to_next();

  TimePoint now() const noexcept;
  std::optional<TimePoint> next_deadline() const noexcept;
  /// How many timers are pending.
  std::size_t pending_timers() const noexcept;
  /// How many jobs are ready.
  std::size_t ready_jobs() const noexcept;

  /// Adds a simulated thread: `f` runs in the world like a thread of the program, and may call anything, also what
  /// waits.
  void spawn(std::function<void()> f);

  runtime::VirtualWorld& world() noexcept { return *world_; }
  /// What keeps the world for handles that outlive this object.
  const std::shared_ptr<runtime::VirtualWorld>& shared_world() const noexcept { return world_; }

 private:
  void advance_by(Duration d);
  std::shared_ptr<runtime::VirtualWorld> world_;
};

}  // namespace engin::testing

#endif  // ENGIN_TESTING_VIRTUAL_RUNTIME_H_
