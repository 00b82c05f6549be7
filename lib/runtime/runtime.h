// The upper cut of the seam: everything that the supervisor asks of the world. Above it, all deciding logic; below it,
// threads (threaded_runtime.h) or a simulated world (virtual_world.h).
#ifndef ENGIN_LIB_RUNTIME_RUNTIME_H_
#define ENGIN_LIB_RUNTIME_RUNTIME_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stop_token>

#include "absl/functional/function_ref.h"
#include "engin/detail/job.h"
#include "engin/detail/time.h"
#include "runtime/job_list.h"

namespace engin::runtime {

using detail::Job;
using detail::JobType;

/// Where a job waits for a thread.
enum class Lane : std::uint8_t {
  Control,  ///< the control runner: in order, one at a time; no task body
  Stop,     ///< before all others; captured like any; may exceed max_runners by up to 64
  Ready,    ///< what was waiting or is due: continuations, restarts, due timers, coroutine starts
  Fresh,    ///< the first start of a plain callable; a backlog of these never delays Ready
};

/// A pending deadline. Intrusive; at most one arming at a time.
///
/// `fire` runs on a runner between two jobs, or on the restart scheduler's thread (in the virtual world: on the thread
/// that drives it), with no lock of the runtime held; those of different timers may run at the same time. It gets the
/// tag given when this arming was made, since by the time it runs the timer may have been armed again. It must not run
/// user code, block, or start a thread. It may post; what it returns, if not null, goes the way of the Ready lane:
/// those of many timers that are due together in one go, which is cheaper than if each posted its own.
struct Timer {
  using Fire = Job* (*)(Timer&, std::uint32_t tag) noexcept;
  explicit Timer(Fire f) noexcept : fire(f) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  Fire fire;
  // Owned by the timer queue while armed.
  TimePoint due{};
  Timer* prev = nullptr;
  Timer* next = nullptr;
  std::uint32_t tag = 0;
  std::uint32_t place = 0;  // 0: not armed
};

/// What the runtime tells the supervisor; nothing any more once stop() has returned. Called without a lock that a job
/// or a timer may want, never from the restart scheduler's thread; must not block or run user code.
class Listener {
 public:
  virtual void runner_added(int runners) noexcept = 0;
  /// Jobs wait, all runners are captured, and no thread can be had: `refused` if the system gave none, else max_runners
  /// is reached. Said once per stretch of starvation.
  virtual void starving(std::size_t ready, bool refused) noexcept = 0;

 protected:
  ~Listener() = default;
};

struct Stats {
  int runners = 0;  ///< threads that run jobs, the control runner not counted
  int max_runners = 0;
  int captured = 0;       ///< of them
  std::size_t ready = 0;  ///< jobs in the ready queues
  bool starving = false;  ///< as in Listener::starving, now
};

class Runtime {
 public:
  virtual ~Runtime() = default;

  virtual TimePoint now() const noexcept = 0;

  /// Starts the threads; throws StartFailed, and may then be called again. Jobs posted before wait for it.
  virtual void start(Listener& listener) = 0;
  /// Before start(): runs what was posted, on the calling thread, until nothing is left. For a supervisor that goes
  /// without ever having been started, if no thread can be had for it.
  virtual void run_inline() noexcept = 0;
  /// Ends and joins all threads that return; those held by a straggler are left behind, detached, and find their
  /// runtime alive until they end (it keeps itself). Called once, when nothing is queued any more, not from a runner.
  virtual void stop() noexcept = 0;
  /// Instead of stop(), and without waiting: when `done()` holds, looked at as by wait(about, ...), a thread made for
  /// it stops the runtime and then calls `then`. Until then jobs run and timers fire as before; if no thread or memory
  /// can be had for it, for ever.
  virtual void stop_later(const void* about, std::function<bool()> done, std::function<void()> then) noexcept = 0;

  /// Puts `job` into a queue; it runs once. Any thread. Publishes all that happened before.
  virtual void post(Job& job, Lane lane) noexcept = 0;
  /// Several at a time, Lane Ready or Fresh: with one lock and one wake-up. `jobs` is empty afterwards.
  virtual void post(JobList& jobs, Lane lane) noexcept = 0;
  /// On a runner: another job is ready and should go before an immediate restart.
  virtual bool others_ready() const noexcept = 0;
  /// On a runner: the job that runs is over and the next begins, without going through a queue.
  virtual void next_job(const JobType& type) noexcept = 0;
  /// On a runner: what the job that ends has changed about its thread and not put back; for a person.
  virtual std::string left_behind() const = 0;

  /// Arms `timer`, which must not be armed. A time that has passed is due at once.
  virtual void arm(Timer& timer, TimePoint due, std::uint32_t tag) noexcept = 0;
  /// The same for one that may be armed: as cancel() first, whose answer it gives.
  virtual bool rearm(Timer& timer, TimePoint due, std::uint32_t tag) noexcept = 0;
  /// True: it was armed and will not fire. False: it was not armed, or its `fire` has run, runs, or is about to.
  virtual bool cancel(Timer& timer) noexcept = 0;

  /// Blocks the calling thread until `done()`, false at `deadline`. `done` is called again after each notify_waiters()
  /// of the same object, and may be now and then besides.
  virtual bool wait(const void* about, absl::FunctionRef<bool()> done, TimePoint deadline) = 0;
  /// Something about this object that a waiter may be waiting for has changed. Called with no lock held.
  virtual void notify_waiters(const void* about) noexcept = 0;

  /// Blocks the calling thread until `until`, or false as soon as `token` fires.
  virtual bool sleep(const std::stop_token& token, TimePoint until) = 0;

  /// For seeding the supervisor's jitter when the user gave no seed.
  virtual std::uint64_t random_seed() noexcept = 0;

  virtual Stats stats() const noexcept = 0;
};

}  // namespace engin::runtime

#endif  // ENGIN_LIB_RUNTIME_RUNTIME_H_
