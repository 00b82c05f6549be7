// What one simulated run is made of, as data: it can be generated from a seed, printed, and made smaller.
#ifndef ENGIN_TEST_SIMULATION_SCENARIO_H_
#define ENGIN_TEST_SIMULATION_SCENARIO_H_

#include <engin/supervisor.h>

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace engin::simulation {

/// No time at all; what waits so long waits until calm comes.
inline constexpr Duration UntilCalm = Duration::max();

/// Something that is asked of the supervisor, by whatever part of the program.
struct Action {
  enum class Kind : std::uint8_t {
    None,
    Supervise,  // plan number `task`
    RequestShutdown,
    RequestStop,
    Restart,
    Remove,
    Find,
    Snapshot,
    ForEach,
    Notify,
    NotifyAll,
    DropHandle,
    Preempt,  // lets others run
    // These wait; inside a job they must throw WouldDeadlock (Stop, Wait: in the task itself).
    Stop,
    Wait,
    WaitReady,
    Shutdown,
    WaitFor,
    WaitAll,
    Pause,  // of a thread of the program
  };
  Kind kind = Kind::None;
  int task = 0;
  Duration d{};
};
constexpr bool waits(Action::Kind k) noexcept { return k >= Action::Kind::Stop; }

/// What a callable does, one after the other.
struct Step {
  enum class Op : std::uint8_t {
    Sleep,         // this_task::sleep_for, or co_await sleep_for
    Block,         // waits without looking at the token: nobody can cut it short
    SleepThrough,  // co_await sleep_for(d, ignore_stop)
    Yield,
    Await,     // a Wakeup
    AwaitFor,  // a Wakeup, with a timeout
    Blocking,  // co_await blocking(a Block)
    Suspend,   // co_await suspend(...), resumed after `d` by a thread of the program
    Ready,
    Beat,
    Act,
  };
  Op op = Op::Sleep;
  Duration d{};
  Action action = {};
};

enum class Ending : std::uint8_t { Return, ThrowStd, ThrowInt, ThrowStopped, BadStatus };

/// One attempt, one call, or one run of a hook.
struct Script {
  std::vector<Step> steps;
  bool until_stop = false;  // afterwards waits for the stop
  bool heeds_stop = true;   // leaves out the rest once a wait was cut short
  Ending ending = Ending::Return;
};

struct HookPlan {
  bool present = false;
  bool coroutine = false;
  Script script;
};

enum class RetryIf : std::uint8_t { None, Yes, No, Throws, YesLater };
enum class TaskKind : std::uint8_t { Plain, Coroutine, Periodic, PeriodicCoroutine };
constexpr bool is_periodic(TaskKind k) noexcept { return k >= TaskKind::Periodic; }

struct TaskPlan {
  TaskKind kind = TaskKind::Plain;
  TaskOptions options;  // without hook and retry_if, which the run adds
  RetryIf retry_if = RetryIf::None;
  HookPlan hook;
  Duration period = std::chrono::milliseconds(100);
  PeriodicOptions periodic = {};
  std::vector<Script> scripts;  // of the attempts (periodic: calls); the last one repeats
  Action at_destruction = {};   // by the destructor of what the callable captured
  int short_of_memory = 0;      // so many allocations in, supervise() finds no memory; 0: never
  const Script& script(std::uint64_t n) const { return scripts[n < scripts.size() ? n : scripts.size() - 1]; }
};

struct ObserverPlan {
  enum class Kind : std::uint8_t { Throws, Acts, Blocks, Preempts };
  Kind kind = Kind::Preempts;
  int from = 0;  // its n-th event, and all after it for Preempts
  Action action = {};
  Duration d{};
};

/// Time passes although things are ready: the machine slept, or nobody gave us a processor.
struct ClockJump {
  std::uint64_t step = 0;
  Duration d{};
};

struct Scenario {
  std::uint64_t seed = 0;
  // The supervisor.
  StopOrder stop_order = StopOrder::Together;
  OnStraggler on_straggler = OnStraggler::Wait;
  Duration shutdown_timeout = std::chrono::seconds(25);
  std::vector<ObserverPlan> observers;
  Step at_stop_token = {Step::Op::Act, {}, {}};  // in a callback on Supervisor::stop_token()
  bool started = true;
  std::size_t early = 0;  // so many tasks are supervised before start()
  // The program.
  std::vector<TaskPlan> tasks;  // the first `initial` of them at the beginning, the others by an Action
  std::size_t initial = 0;
  std::vector<std::vector<Action>> threads;
  // How it is run.
  std::uint64_t chaos_steps = 400;
  Duration chaos_time = std::chrono::seconds(30);
  bool destroy_before_calm = false;
  bool snapshots = true;  // look at all tasks now and then
  bool record = true;     // a recorder among the observers
  std::vector<ClockJump> jumps;
  std::uint32_t preemption = 0;  // one in so many places where a thread may be interrupted; 0: nowhere
};

Scenario generate(std::uint64_t seed);
/// Two tasks, one failing twice under Retry, one with a hook, a shutdown at a random moment.
Scenario small_scenario(std::uint64_t seed);
/// The same without an observer: how many schedules a second there can be.
Scenario speed_scenario(std::uint64_t seed);

std::ostream& operator<<(std::ostream&, const Action&);
std::ostream& operator<<(std::ostream&, const Script&);
std::ostream& operator<<(std::ostream&, const Scenario&);
std::string text(Duration d);

/// The longest that anything of this script may go on after it was asked to stop.
Duration longest_after_stop(const Script& script);

}  // namespace engin::simulation

#endif  // ENGIN_TEST_SIMULATION_SCENARIO_H_
