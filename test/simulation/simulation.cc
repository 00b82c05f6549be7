#include "test/simulation/simulation.h"

#include <algorithm>
#include <utility>

#include "runtime/virtual_world.h"
#include "test/simulation/behaviours.h"
#include "test/simulation/short_of_memory.h"

namespace engin::simulation {

using namespace std::chrono_literals;
using Kind = Action::Kind;

namespace {
constexpr std::uint64_t MostSteps = 1'000'000;  // more to come to rest is never
/// What is always ready would keep time from passing; after so many steps it passes all the same, by so much; after so
/// many times, for ever would be too long, up to what is waited for.
constexpr std::uint64_t MostStepsAtOnce = 500;
constexpr std::uint64_t ThenMostStepsAtOnce = 150;
constexpr Duration PassedAllTheSame = 5ms;
constexpr int TimesByLittle = 40;
}  // namespace

Captured::Captured(Simulation& simulation, int task) noexcept : simulation_(&simulation), task_(task) {
  ++simulation_->live_objects;
}
Captured::Captured(Captured&& other) noexcept
    : simulation_(std::exchange(other.simulation_, nullptr)), task_(other.task_) {}
Captured::~Captured() {
  if (simulation_ == nullptr) return;
  --simulation_->live_objects;
  simulation_->see(What::Destroyed, task_);
  simulation_->act(simulation_->plan(task_).at_destruction, -3);
}

/// A call of the supervisor, which must not be destroyed meanwhile.
class Simulation::InCall {
 public:
  explicit InCall(Simulation& s) : s_(s) { ++s_.in_calls_; }
  InCall(const InCall&) = delete;
  InCall& operator=(const InCall&) = delete;
  ~InCall() {
    if (--s_.in_calls_ == 0) s_.world_.world().notify_waiters(&s_);
  }

 private:
  Simulation& s_;
};

Simulation::Simulation(const Scenario& scenario, Checkers& checkers, RunOptions options)
    : scenario_(scenario),
      checkers_(checkers),
      options_(options),
      world_(scenario.seed),
      tasks_(scenario.tasks.size()) {
  for (const auto& checker : checkers_) checker->begin(scenario_, result_.findings);
}
Simulation::~Simulation() = default;

void Simulation::see(Record r) {
  if (r.what != What::Event) r.time = now();
  r.step = result_.steps;
  if (options_.keep_history) result_.history.push_back(r);
  for (const auto& checker : checkers_) checker->see(r);
}

int Simulation::index_of(std::string_view name) const {
  for (std::size_t i = 0; i < scenario_.tasks.size(); ++i) {
    if (scenario_.tasks[i].options.name == name) return static_cast<int>(i);
  }
  return -1;
}

void Simulation::preempt() {
  if (world_.world().inside()) world_.world().sleep({}, now());
}

void Simulation::block(Duration d) {
  if (!world_.world().inside()) return;
  world_.world().wait(this, [this] { return calm_; }, detail::saturating_add(now(), d));
}

void Simulation::resume_after(Resumer resumer, Duration d) {
  if (d == Duration::zero()) {
    resumer();
    return;
  }
  ++threads_;
  world_.spawn([this, d, kept = std::make_shared<Resumer>(std::move(resumer))]() mutable {
    block(d);
    if (d == Duration(500ms)) {
      kept.reset();  // dropped uncalled
    } else {
      (*kept)();
    }
    --threads_;
  });
}

void Simulation::supervise(int task) {
  TaskRun& run = tasks_[static_cast<std::size_t>(task)];
  if (std::exchange(run.supervised, true)) return;
  see(What::SuperviseBegin, task);
  bool lost = false;
  Record r;
  r.what = What::SuperviseEnd;
  r.task = task;
  const int short_of_memory = plan(task).short_of_memory;
  std::optional<runtime::VirtualWorld::Uninterrupted> alone;  // nobody else is to be short of it
  if (short_of_memory != 0) alone.emplace();
  const std::int64_t objects = live_objects;
  try {
    const ShortOfMemory memory(short_of_memory);
    run.handle = hand_over(*this, *supervisor_, task);
    run.accepted = true;
    if (memory.has_struck()) lost = true;
  } catch (const std::bad_alloc&) {
    r.value = 3;
    r.bad = live_objects != objects;
  } catch (const SupervisorStopping&) {
    r.value = 1;
    r.bad = !supervisor_->shutdown_cause();
  } catch (const std::exception& e) {
    r.value = 2;
    result_.findings.push_back({"S7", e.what(), now()});
  }
  alone.reset();
  if (lost) see(What::EventLost, task);
  see(r);
}

void Simulation::stop(int task, bool await, Duration d, int inside) {
  TaskRun& run = tasks_[static_cast<std::size_t>(task)];
  TaskHandle handle = run.handle;
  Record r;
  r.what = What::StopBegin;
  r.task = task;
  r.state = handle.state();
  see(r);
  r.what = What::StopEnd;
  r.due = now();
  const int begun = run.restarts_begun;
  const bool in_flight = run.restarts_begun != run.restarts_done;
  r.value = -1;
  if (await) {
    try {
      r.value = static_cast<int>(handle.stop(d));
      if (inside == task && r.value != static_cast<int>(StopResult::AlreadyEnded)) see(What::WrongWait, task);
    } catch (const WouldDeadlock&) {
      r.value = -2;
      if (inside != task) see(What::StrangeThrow, task);
    }
  } else {
    handle.request_stop();
  }
  r.bad = in_flight || run.restarts_begun != begun;
  see(r);
}

void Simulation::restart(int task) {
  TaskRun& run = tasks_[static_cast<std::size_t>(task)];
  TaskHandle handle = run.handle;
  ++run.restarts_begun;
  Record r;
  r.what = What::RestartBegin;
  r.task = task;
  r.state = handle.state();
  see(r);
  r.what = What::RestartEnd;
  r.value = static_cast<int>(handle.restart());
  ++run.restarts_done;
  see(r);
}

void Simulation::act(const Action& action, int inside) {
  if (action.kind == Kind::None) return;
  if (action.kind == Kind::Preempt) return preempt();
  if (action.kind == Kind::Pause) return block(action.d);
  if (action.kind == Kind::Notify) return wakeup_.notify();
  if (action.kind == Kind::NotifyAll) return wakeup_.notify_all();
  TaskRun& run = tasks_[static_cast<std::size_t>(action.task)];
  const bool on_handle = action.kind == Kind::Stop || action.kind == Kind::RequestStop ||
                         action.kind == Kind::Restart || action.kind == Kind::Remove || action.kind == Kind::Wait ||
                         action.kind == Kind::WaitReady || action.kind == Kind::DropHandle;
  if (on_handle) {
    if (!run.handle) return;  // it was not supervised yet, or its handle was dropped
  } else if (!open_) {
    return;
  }
  const InCall in_call(*this);
  switch (action.kind) {
    case Kind::Supervise:
      return supervise(action.task);
    case Kind::RequestShutdown:
      supervisor_->request_shutdown("asked");
      return see_shutdown();
    case Kind::RequestStop:
      return stop(action.task, false, {}, inside);
    case Kind::Restart:
      if (!scenario_.started) return;  // the virtual world would run it all the same
      return restart(action.task);
    case Kind::Remove: {
      TaskHandle handle = run.handle;
      const TaskState state = handle.state();
      Record r;
      r.what = What::RemoveEnd;
      r.task = action.task;
      r.state = state;
      r.value = handle.remove() ? 1 : 0;
      return see(r);
    }
    case Kind::Find:
      (void)supervisor_->find(plan(action.task).options.name);
      return;
    case Kind::Snapshot:
      (void)supervisor_->snapshot();
      return;
    case Kind::ForEach:
      supervisor_->for_each_task([this](const TaskHandle& handle) {
        (void)handle.state();
        preempt();
      });
      return;
    case Kind::DropHandle:
      run.handle = TaskHandle();
      return see(What::RemoveEnd, action.task);
    default:
      return wait_in(action, inside);
  }
}

/// Calls that wait. In a job of the supervisor they must refuse, except for other tasks.
void Simulation::wait_in(const Action& action, int inside) {
  Record r;
  r.task = action.task;
  r.value = static_cast<int>(action.kind);
  if (inside == -3) return;  // a destructor may run on a thread of the program too
  bool must_refuse = inside != -1;
  const TimePoint asked = now();
  try {
    TaskHandle handle = tasks_[static_cast<std::size_t>(action.task)].handle;
    switch (action.kind) {
      case Kind::Stop:
        if (inside == -2) return;
        return stop(action.task, true, action.d, inside);
      case Kind::Wait:
        if (inside == -2) return;
        must_refuse = inside == action.task;
        if (handle.wait_for(action.d)) must_refuse = false;  // it had ended, its hook being overdue
        break;
      case Kind::WaitReady:
        if (inside != -1) return;
        handle.wait_ready(action.d);
        break;
      case Kind::Shutdown:
        if (const ShutdownReport& report = supervisor_->shutdown(); inside == -1) saw_report(report, asked);
        break;
      case Kind::WaitFor:
        if (!scenario_.started) return;
        if (const ShutdownReport* report = supervisor_->wait_for(action.d); report != nullptr && inside == -1) {
          saw_report(*report, asked);
        }
        break;
      case Kind::WaitAll:
        if (!scenario_.started) return;
        supervisor_->wait_all();
        break;
      default:
        return;
    }
    if (must_refuse) {
      r.what = What::WrongWait;
      see(r);
    }
  } catch (const WouldDeadlock&) {
    if (!must_refuse) {
      r.what = What::StrangeThrow;
      see(r);
    }
  } catch (...) {
    r.what = What::StrangeThrow;
    see(r);
  }
}

void Simulation::saw_report(const ShutdownReport& report, TimePoint asked) {
  see_shutdown();
  if (std::exchange(report_seen_, true)) return;
  for (const Straggler& straggler : report.stragglers) {
    if (straggler.id == 0 || straggler.what == "destructor") continue;  // of what it captured: no code that we watch
    Record r;
    r.what = What::Hung;
    r.task = index_of(straggler.name);
    r.value = straggler.what == "hook" ? 1 : 0;
    see(r);
  }
  for (const ShutdownTask& task : report.tasks) {
    if (task.hook == HookResult::NotStarted) see(What::NotStarted, index_of(task.name));
  }
  Record r;
  r.what = What::ReportSeen;
  r.task = report.cause.task == 0 ? -1 : index_of(report.cause.task_name);
  r.value = static_cast<int>(report.cause.kind);
  r.bad = !report.clean();
  r.delay = report.duration;
  r.due = asked;
  see(r);
}

/// The first moment after shutdown began: what there is then.
void Simulation::see_shutdown() {
  if (shutdown_seen_ || !supervisor_) return;
  const runtime::VirtualWorld::Uninterrupted at_once;
  const std::optional<ShutdownCause> cause = supervisor_->shutdown_cause();
  if (!cause) return;
  shutdown_seen_ = true;
  Record r;
  r.what = What::ShutdownSeen;
  r.task = cause->task == 0 ? -1 : index_of(cause->task_name);
  r.value = static_cast<int>(cause->kind);
  see(r);
  for (const TaskSnapshot& task : supervisor_->snapshot().tasks) {
    r = Record();
    r.what = What::Baseline;
    r.task = index_of(task.name);
    r.state = task.state;
    r.started = task.started;
    see(r);
  }
}

void Simulation::look(std::uint64_t every) {
  if (!open_) return;
  see_shutdown();
  if (!scenario_.snapshots || result_.steps % every != 0) return;
  for (const TaskSnapshot& task : supervisor_->snapshot().tasks) {
    Record r;
    r.what = What::Seen;
    r.task = index_of(task.name);
    r.state = task.state;
    r.started = task.started;
    r.due = task.next_attempt.value_or(TimePoint());
    see(r);
  }
}

void Simulation::build() {
  SupervisorOptions options;
  options.shutdown_timeout = scenario_.shutdown_timeout;
  options.stop_order = scenario_.stop_order;
  options.on_straggler = scenario_.on_straggler;
  options.default_observer = false;
  options.runtime = world_;
  // Not used, for every task comes with options of its own; it goes with the supervisor's record.
  auto kept = std::make_shared<int>();
  supervisor_kept_ = kept;
  options.defaults.retry_if = [kept = std::move(kept)](const Failure&) { return true; };
  if (scenario_.record) options.observers.push_back(make_recorder(*this));
  for (const ObserverPlan& plan : scenario_.observers) options.observers.push_back(make_observer(*this, plan));
  supervisor_ = std::make_unique<Supervisor>(std::move(options));
  open_ = true;
  const Step& at_stop = scenario_.at_stop_token;
  at_stop_token_.emplace(supervisor_->stop_token(), [this, &at_stop] {
    if (at_stop.op == Step::Op::Block) {
      block(at_stop.d);
    } else {
      act(at_stop.action, -2);
    }
  });
  for (std::size_t i = 0; i < scenario_.early; ++i) supervise(static_cast<int>(i));
  if (scenario_.started) supervisor_->start();
  for (std::size_t i = scenario_.early; i < scenario_.initial; ++i) supervise(static_cast<int>(i));
  for (const std::vector<Action>& list : scenario_.threads) {
    ++threads_;
    world_.spawn([this, &list] {
      for (const Action& action : list) act(action, -1);
      --threads_;
    });
  }
}

bool Simulation::step() {
  for (const ClockJump& jump : scenario_.jumps) {
    if (jump.step != result_.steps) continue;
    world_.world().pass(jump.d);
    Record r;
    r.what = What::ClockJumped;
    r.delay = jump.d;
    see(r);
  }
  if (world_.run_steps(1) == 0) return false;
  ++result_.steps;
  look(7);
  return true;
}

/// Runs until `until`, or that many steps; false if nothing is left that could run.
bool Simulation::drive(std::uint64_t most, TimePoint until) {
  while (most-- > 0) {
    if (step()) continue;
    const std::optional<TimePoint> next = world_.next_deadline();
    if (!next) return false;
    if (*next > until) return true;
    world_.world().pass(*next - now());
  }
  return true;
}

/// Runs until `done`; false if it does not come to that.
bool Simulation::settle(const bool& done) {
  TimePoint moment = now();
  std::uint64_t since = 0;
  std::uint64_t most_at_once = MostStepsAtOnce;
  int forced = 0;
  for (std::uint64_t n = 0; !done && n < MostSteps; ++n) {
    if (!drive(1, TimePoint::max())) break;
    if (now() != moment) {
      moment = now();
      since = n;
    } else if (n - since > most_at_once) {
      most_at_once = ThenMostStepsAtOnce;
      if (const auto next = world_.next_deadline()) {
        world_.world().pass(++forced <= TimesByLittle ? PassedAllTheSame : std::max(PassedAllTheSame, *next - now()));
      }
      since = n;
    }
    if (!calm_ && scenario_.destroy_before_calm && !open_ && n > 3'000) calm_down();
  }
  if (!done && !calm_ && !open_) {
    calm_down();
    return settle(done);
  }
  return done;
}

void Simulation::calm_down() {
  calm_ = true;
  see(What::Released, -1);
  world_.world().notify_waiters(this);
}

RunResult Simulation::run() {
  if (options_.chooser != nullptr) world_.world().set_chooser(options_.chooser);
  world_.world().interrupt(scenario_.preemption);
  build();
  drive(scenario_.chaos_steps, now() + scenario_.chaos_time);
  bool done = false;
  world_.spawn([this, &done] {
    const TimePoint asked = now();
    saw_report(supervisor_->shutdown(), asked);
    done = true;
  });
  stuck_ = !settle(done);
  if (!stuck_ && !scenario_.destroy_before_calm) {
    calm_down();
    drive(MostSteps, now() + 200s);
  }
  if (!stuck_) {
    done = false;
    final_.tasks.resize(tasks_.size());
    world_.spawn([this, &done] {
      world_.world().wait(this, [this] { return in_calls_ == 0; }, TimePoint::max());
      open_ = false;  // at once: what follows can be interrupted
      finish();
      supervisor_.reset();
      see(What::Gone, -1);
      done = true;
    });
    stuck_ = !settle(done);
  }
  if (!calm_) calm_down();
  if (!stuck_) {
    for (TaskRun& task : tasks_) task.handle = TaskHandle();
    const bool rests = !drive(MostSteps, TimePoint::max());
    stuck_ = !rests || threads_ != 0;
  }
  final_.tasks.resize(tasks_.size());
  final_.stuck = stuck_;
  final_.live_objects = live_objects;
  final_.live_frames = live_frames;
  final_.supervisor_kept = !stuck_ && !supervisor_kept_.expired();
  final_.pending_timers = world_.pending_timers();
  final_.ready_jobs = world_.ready_jobs();
  result_.choices = world_.world().choices();
  result_.schedule = world_.world().schedule();
  for (const auto& checker : checkers_) checker->finish(final_);
  if (stuck_) (void)supervisor_.release();  // it cannot be destroyed
  return std::move(result_);
}

/// The figures, when only the destructor is left.
void Simulation::finish() {
  const SupervisorSnapshot snapshot = supervisor_->snapshot();
  for (const TaskSnapshot& task : snapshot.tasks) {
    Final::Task& f = final_.tasks[static_cast<std::size_t>(index_of(task.name))];
    f.known = true;
    f.started = task.started;
    f.failed = task.failed;
    f.restarted = task.restarted;
    f.state = task.state;
  }
  final_.has_totals = calm_ && live_frames == 0;
  final_.total_started = snapshot.total_started;
  final_.total_failed = snapshot.total_failed;
  final_.total_restarted = snapshot.total_restarted;
  final_.undelivered = snapshot.undelivered_events;
  final_.complete_log = scenario_.record && scenario_.started && calm_ && live_frames == 0;
}

}  // namespace engin::simulation
