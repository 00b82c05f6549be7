// One run of a scenario in a virtual world, watched by the checkers.
#ifndef ENGIN_TEST_SIMULATION_SIMULATION_H_
#define ENGIN_TEST_SIMULATION_SIMULATION_H_

#include <engin/supervisor.h>
#include <engin/testing/virtual_runtime.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "test/simulation/checker.h"
#include "test/simulation/scenario.h"

namespace engin::runtime {
class Chooser;
}

namespace engin::simulation {

struct RunOptions {
  runtime::Chooser* chooser = nullptr;  // instead of the seed
  bool keep_history = false;
};

struct RunResult {
  std::vector<Finding> findings;
  std::vector<Record> history;  // if asked for
  std::uint64_t steps = 0;
  std::uint64_t choices = 0;
  std::uint64_t schedule = 0;  // a hash of all choices
};

class Simulation;

/// Lives inside a callable; counts, and acts when it is destroyed.
class Captured {
 public:
  Captured(Simulation& simulation, int task) noexcept;
  Captured(Captured&& other) noexcept;
  Captured& operator=(Captured&&) = delete;
  ~Captured();

 private:
  Simulation* simulation_;
  int task_;
};

class Simulation {
 public:
  /// The scenario must outlive it.
  Simulation(const Scenario& scenario, Checkers& checkers, RunOptions options);
  ~Simulation();
  RunResult run();

  // --- For what runs inside: behaviours.cc.
  const Scenario& scenario() const noexcept { return scenario_; }
  const TaskPlan& plan(int task) const { return scenario_.tasks[static_cast<std::size_t>(task)]; }
  TimePoint now() const noexcept { return world_.now(); }
  void see(Record record);
  void see(What what, int task, std::uint64_t attempt = 0, bool bad = false) {
    Record r;
    r.what = what;
    r.task = task;
    r.attempt = attempt;
    r.bad = bad;
    see(r);
  }
  /// Does it. `task`: in whose job; -1: in none, -2: in an observer or stop callback, -3: in a destructor.
  void act(const Action& action, int task);
  /// Waits on the calling fiber, whatever the token says, but not past the calm.
  void block(Duration d);
  void preempt();
  Wakeup& wakeup() noexcept { return wakeup_; }
  void resume_after(Resumer resumer, Duration d);
  int index_of(std::string_view name) const;
  bool is_calm() const noexcept { return calm_; }

  std::int64_t live_objects = 0;
  std::int64_t live_frames = 0;

 private:
  struct TaskRun {
    TaskHandle handle;
    bool supervised = false;
    bool accepted = false;
    int restarts_begun = 0;
    int restarts_done = 0;
    std::uint64_t calls = 0;
  };
  class InCall;

  void supervise(int task);
  void stop(int task, bool await, Duration d, int inside);
  void restart(int task);
  void wait_in(const Action& action, int task);
  void saw_report(const ShutdownReport& report, TimePoint asked);
  void build();
  bool step();
  bool drive(std::uint64_t most_steps, TimePoint until);
  bool settle(const bool& done);
  void look(std::uint64_t every);
  void see_shutdown();
  void calm_down();
  void finish();

  const Scenario& scenario_;
  Checkers& checkers_;
  RunOptions options_;
  RunResult result_;
  testing::VirtualRuntime world_;
  std::vector<TaskRun> tasks_;
  std::unique_ptr<Supervisor> supervisor_;
  std::weak_ptr<const void> supervisor_kept_;  // what its record holds
  std::optional<std::stop_callback<std::function<void()>>> at_stop_token_;
  Wakeup wakeup_;
  bool open_ = false;  // the supervisor may be called
  int in_calls_ = 0;   // so many are
  int threads_ = 0;    // of the program that have not ended
  bool calm_ = false;
  bool shutdown_seen_ = false;
  bool report_seen_ = false;
  bool stuck_ = false;
  Final final_;
};

}  // namespace engin::simulation

#endif  // ENGIN_TEST_SIMULATION_SIMULATION_H_
