#include "test/lower_cut/run.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/atomic.h"
#include "engin/errors.h"
#include "runtime/deadlines.h"
#include "runtime/threaded_runtime.h"
#include "test/lower_cut/machine.h"

namespace engin::lower {

using namespace std::chrono_literals;
using runtime::Lane;
using Kind = Op::Kind;

namespace {

/// So long a job waits at most where a runner could be had for it: until the slowest capture (10 ms) is seen at the
/// slowest pace of the growth monitor (10 ms), some times over.
constexpr Duration kMostPatience = 60ms;
/// The growth monitor asks again after a second at most if the system gave no thread.
constexpr Duration kRefusedPatience = 1100ms;

class Run;

struct SimJob : detail::Job {
  SimJob(Run& owner, std::size_t at, const JobPlan& p, const runtime::JobType& t)
      : Job(t), run(owner), index(at), plan(p) {}
  Run& run;
  const std::size_t index;
  const JobPlan& plan;
  bool ready = false;
  bool shared = false;  // put into a queue that no single runner owns
  bool runs = false;
  int again = 0;
  TimePoint posted{};  // as Machine::awake()
  PlainData data;      // stands for all that whoever posts has written
};

struct SimTimer : runtime::Timer {
  SimTimer(Run& owner, std::size_t at, std::size_t posts);
  Run& run;
  const std::size_t index;
  const std::size_t job;
  enum class State : std::uint8_t { Idle, Armed, Cancelled, Fired } state = State::Idle;
  bool in_queue = false;  // arm() has returned
  TimePoint wanted{};
  std::uint32_t arming = 0;
  PlainData data;
};

class Run final : private runtime::Listener {
 public:
  Run(const Program& program, simulation::Strategy& strategy, const std::function<void(const std::string&)>& trace);
  Result result();

 private:
  friend struct SimTimer;
  static void run_job(detail::Job& job) noexcept;
  static runtime::Job* fire(runtime::Timer& timer, std::uint32_t tag) noexcept;

  void main();
  void start();
  void stop();
  void program_thread(const std::vector<Op>& ops);
  void give_tokens();
  void perform(const Op& op, SimJob* in);
  void post(std::size_t job, bool by_thread);
  SimJob* make_ready(std::size_t job, bool by_thread);
  void arm(SimTimer& timer, Duration d);
  void cancel(SimTimer& timer);
  void wait_until(const std::function<bool()>& done);
  void changed() { runtime_->notify_waiters(this); }
  void note(const std::string& line) {
    if (machine_.is_traced()) machine_.trace(line);
  }

  // The judge.
  void at_rest();
  void check_ready_jobs(int parked, int held);
  void check_timers();
  void check_runners(int alive);
  bool patience_is_over(const SimJob& job) const;
  void at_end();
  void runner_added(int runners) noexcept override;
  void freeze();
  void starving(std::size_t, bool) noexcept override {}

  std::size_t ready_jobs() const;
  bool all_jobs(bool (*holds)(const SimJob&)) const;
  bool any_armed() const;
  const SimThread* thread_named(const std::string& name);

  const Program& program_;
  Machine machine_;
  std::deque<SimJob> jobs_;
  std::deque<SimTimer> timers_;
  std::vector<bool> given_;
  std::shared_ptr<runtime::Runtime> owner_;
  runtime::Runtime* runtime_ = nullptr;  // kept by its threads too
  std::weak_ptr<runtime::Runtime> gone_;
  std::size_t threads_left_ = 0;
  bool started_ = false;
  bool stopping_ = false;
  bool stopped_ = false;
  int in_flight_ = 0;  // calls that must be over before stop()
  TimePoint latest_post_{};
  std::size_t stretch_ready_ = 0;  // jobs that were ready since none was for long: a wave begun for them may come late
  std::size_t stretch_grown_ = 0;
  bool has_grown_ = false;  // so some may be surplus
  bool all_runners_started_ = true;
  int stop_posts_ = 0;
  TimePoint latest_full_{};  // no room for another runner
};

const runtime::JobType& type_of(const JobPlan& plan, void (*run)(detail::Job&) noexcept) {
  static const runtime::JobType step[] = {{run, 1ms}, {run, 1ms, false, true}};
  static const runtime::JobType plain[] = {{run, 200us}, {run, 200us, false, true}};
  static const runtime::JobType blocking[] = {{run, 0us}, {run, 0us, false, true}};
  const auto& types = plan.kind == JobKind::Step ? step : plan.kind == JobKind::Plain ? plain : blocking;
  return types[plan.lane == Lane::Stop ? 1 : 0];
}

SimTimer::SimTimer(Run& owner, std::size_t at, std::size_t posts)
    : Timer(&Run::fire), run(owner), index(at), job(posts) {}

Machine::Options machine_options(const Program& program, const std::function<void(const std::string&)>& trace) {
  Machine::Options options;
  options.store_buffers = program.store_buffers;
  options.membarrier = program.membarrier;
  options.delayed = program.delayed;
  options.spurious = program.spurious;
  options.stalls = program.stalls;
  options.late = program.late;
  options.refused = program.refused;
  options.trace = trace;
  return options;
}

Run::Run(const Program& program, simulation::Strategy& strategy, const std::function<void(const std::string&)>& trace)
    : program_(program), machine_(strategy, machine_options(program, trace)), given_(program.tokens.size()) {
  for (std::size_t i = 0; i < program.jobs.size(); ++i) {
    const JobPlan& plan = program.jobs[i];
    jobs_.emplace_back(*this, i, plan, type_of(plan, &Run::run_job));
    for (const Op& op : plan.ops) {
      if (op.kind == Kind::Again) jobs_.back().again = static_cast<int>(op.d.count());
    }
  }
  for (std::size_t i = 0; i < program.timers.size(); ++i) timers_.emplace_back(*this, i, program.timers[i]);
}

Result Run::result() {
  machine_.run([this] { main(); }, [this] { at_rest(); });
  if (machine_.failure().empty()) at_end();
  Result result;
  result.failure = machine_.failure();
  result.steps = machine_.steps();
  result.choices = machine_.choices();
  result.schedule = machine_.schedule();
  // What was left in the middle cannot be destroyed.
  if (!result.failure.empty()) new std::shared_ptr<runtime::Runtime>(std::move(owner_));
  return result;
}

// --- The program. ---

void Run::main() {
  owner_ = runtime::make_threaded_runtime(
      {.name = "engin", .runners = program_.runners, .max_runners = program_.max_runners});
  runtime_ = owner_.get();
  gone_ = owner_;
  for (const Op& op : program_.before_start) perform(op, nullptr);
  start();
  std::vector<SimThread*> threads;
  threads_left_ = program_.threads.size();
  for (std::size_t i = 0; i < program_.threads.size(); ++i) {
    threads.push_back(&machine_.start_thread("thread" + std::to_string(i),
                                             [this, &ops = program_.threads[i]] { program_thread(ops); }));
  }
  threads.push_back(&machine_.start_thread("tokens", [this] { give_tokens(); }));
  stop();
  for (SimThread* thread : threads) {
    machine_.join(*thread, TimePoint::max());
    thread->detached = true;
  }
  note("lets go of the runtime");
  owner_.reset();
}

void Run::start() {
  try {
    runtime_->start(*this);
  } catch (const StartFailed&) {
    note("start failed");
    machine_.refuse_no_more();
    runtime_->start(*this);
  }
  all_runners_started_ = machine_.refusals() == 0;
  started_ = true;
}

void Run::stop() {
  switch (program_.stop_at) {
    case Program::StopAt::Done:
      wait_until([this] {
        return threads_left_ == 0 && !any_armed() && all_jobs([](const SimJob& j) { return !j.ready && !j.runs; });
      });
      break;
    case Program::StopAt::Begun:
      wait_until(
          [this] { return threads_left_ == 0 && !any_armed() && all_jobs([](const SimJob& j) { return !j.ready; }); });
      break;
    case Program::StopAt::Any:
      wait_until([this] { return threads_left_ == 0; });
      break;
  }
  stopping_ = true;  // from here on jobs post and arm nothing
  wait_until([this] { return in_flight_ == 0; });
  if (!program_.leaves_timers) {
    for (SimTimer& timer : timers_) cancel(timer);
    wait_until([this] { return !any_armed(); });
  }
  note("stop");
  runtime_->stop();
  note("stopped");
  stopped_ = true;
}

void Run::wait_until(const std::function<bool()>& done) {
  runtime_->wait(this, [&] { return done(); }, TimePoint::max());
}

void Run::program_thread(const std::vector<Op>& ops) {
  for (const Op& op : ops) perform(op, nullptr);
  // Who stops the runtime knows that this thread is done, so it knows what this thread has posted: nothing of that is
  // in a store buffer any more.
  base::thread_fence(std::memory_order_seq_cst);
  --threads_left_;
  changed();
}

void Run::give_tokens() {
  const TimePoint begin = machine_.now();
  std::vector<std::pair<Duration, std::size_t>> order;
  for (std::size_t i = 0; i < program_.tokens.size(); ++i) order.emplace_back(program_.tokens[i], i);
  std::sort(order.begin(), order.end());
  for (const auto& [when, token] : order) {
    machine_.sleep_until(begin + when, false);
    given_[token] = true;
    note("token " + std::to_string(token) + " is given");
    machine_.happened(&program_.tokens[token]);
  }
}

void Run::perform(const Op& op, SimJob* in) {
  const bool call = op.kind == Kind::Post || op.kind == Kind::Arm || op.kind == Kind::Cancel;
  if (call) {
    if (stopping_) return;
    ++in_flight_;
  }
  switch (op.kind) {
    case Kind::Post:
      post(op.index, in == nullptr);
      break;
    case Kind::Block:
      note("waits for token " + std::to_string(op.index));
      machine_.yield_point();
      while (!given_[op.index]) machine_.wait_event(&program_.tokens[op.index]);
      break;
    case Kind::Compute:
    case Kind::Sleep:
      machine_.sleep_until(machine_.now() + op.d, op.kind == Kind::Compute);
      break;
    case Kind::NextJob:
      runtime_->next_job(*in->type);
      break;
    case Kind::Arm:
      arm(timers_[op.index], op.d);
      break;
    case Kind::Cancel:
      cancel(timers_[op.index]);
      break;
    case Kind::Again:
      break;  // see run_job
  }
  if (call) {
    --in_flight_;
    if (stopping_) changed();  // otherwise nobody waits for it, and it is a fence
  }
}

void Run::post(std::size_t index, bool by_thread) {
  if (SimJob* const job = make_ready(index, by_thread)) runtime_->post(*job, job->plan.lane);
}

// What the poster of a job does before it posts it; null if that is not its turn.
SimJob* Run::make_ready(std::size_t index, bool by_thread) {
  SimJob& job = jobs_[index];
  if (job.ready || job.runs) return nullptr;
  if (ready_jobs() == 0 && machine_.now() - latest_post_ > kMostPatience) stretch_ready_ = stretch_grown_ = 0;
  latest_post_ = machine_.now();
  ++stretch_ready_;
  if (job.plan.lane == Lane::Stop) ++stop_posts_;
  job.ready = true;
  job.shared = by_thread || job.plan.lane != Lane::Ready;
  job.posted = machine_.awake();
  job.data = PlainData();
  job.data.touch("a job");
  note("posts job " + std::to_string(index));
  return &job;
}

void Run::run_job(detail::Job& base) noexcept {
  auto& job = static_cast<SimJob&>(base);
  Run& run = job.run;
  Machine& machine = run.machine_;
  if (!job.ready) machine.fail("a job runs that was not posted, or twice: " + std::to_string(job.index));
  if (job.runs) machine.fail("a job runs twice at a time: " + std::to_string(job.index));
  job.ready = false;
  job.runs = true;
  job.data.touch("a job");
  SimThread& thread = machine.running();
  const int outer = std::exchange(thread.job, static_cast<int>(job.index));
  run.note("runs job " + std::to_string(job.index));
  for (const Op& op : job.plan.ops) run.perform(op, &job);
  job.data.touch("a job");
  job.runs = false;
  thread.job = outer;
  run.note("has run job " + std::to_string(job.index));
  if (job.again > 0 && !run.stopping_) {
    --job.again;
    ++run.in_flight_;
    run.post(job.index, thread.name.find("/run") == std::string::npos);
    --run.in_flight_;
  }
  run.changed();
}

void Run::arm(SimTimer& timer, Duration d) {
  if (timer.state == SimTimer::State::Armed) return;
  timer.state = SimTimer::State::Armed;
  timer.in_queue = false;
  const std::uint32_t arming = ++timer.arming;
  timer.wanted = machine_.now() + d;
  timer.data = PlainData();
  timer.data.touch("a timer");
  note("arms timer " + std::to_string(timer.index));
  runtime_->arm(timer, timer.wanted, arming);
  if (timer.arming == arming) timer.in_queue = true;
}

void Run::cancel(SimTimer& timer) {
  if (timer.state != SimTimer::State::Armed) return;
  note("cancels timer " + std::to_string(timer.index));
  const bool done = runtime_->cancel(timer);
  note(done ? "  done" : "  too late");
  if (done) {
    if (timer.state != SimTimer::State::Armed) machine_.fail("timer: cancelled after it had fired, or twice");
    timer.state = SimTimer::State::Cancelled;
  }
}

runtime::Job* Run::fire(runtime::Timer& base, std::uint32_t tag) noexcept {
  auto& timer = static_cast<SimTimer&>(base);
  Run& run = timer.run;
  run.note("timer " + std::to_string(timer.index) + " fires");
  run.freeze();
  if (run.stopped_) run.machine_.fail("timer: fires after the runtime was stopped");
  if (timer.state == SimTimer::State::Cancelled) run.machine_.fail("timer: fires after it was cancelled");
  if (timer.state != SimTimer::State::Armed || tag != timer.arming) run.machine_.fail("timer: fires twice");
  if (run.machine_.now() < timer.wanted) run.machine_.fail("timer: fires early");
  timer.data.touch("a timer");
  timer.state = SimTimer::State::Fired;
  const bool on_a_runner = run.machine_.running().name.rfind("engin/run", 0) == 0;
  const bool posts =
      timer.index % 2 != 0;  // itself, as where a stop ends a wait; else it is returned, as when that is over
  SimJob* const job = timer.job < run.jobs_.size() ? run.make_ready(timer.job, !posts || !on_a_runner) : nullptr;
  run.changed();
  if (job == nullptr || (job->plan.lane == Lane::Ready && !posts)) return job;
  run.runtime_->post(*job, job->plan.lane);
  return nullptr;
}

// --- The judge. ---

std::size_t Run::ready_jobs() const {
  return static_cast<std::size_t>(std::count_if(jobs_.begin(), jobs_.end(), [](const SimJob& j) { return j.ready; }));
}
bool Run::all_jobs(bool (*holds)(const SimJob&)) const { return std::all_of(jobs_.begin(), jobs_.end(), holds); }
bool Run::any_armed() const {
  return std::any_of(timers_.begin(), timers_.end(),
                     [](const SimTimer& t) { return t.state == SimTimer::State::Armed; });
}
const SimThread* Run::thread_named(const std::string& name) {
  for (const auto& thread : machine_.threads()) {
    if (!thread->finished && thread->name == name) return thread.get();
  }
  machine_.fail("threads: " + name + " has ended");
  return nullptr;  // not reached
}

// Nothing can happen unless time passes: whoever sleeps would have been woken by now.
void Run::at_rest() {
  if (!started_ || stopping_) return;
  int parked = 0;
  int alive = 0;
  int held = 0;  // by stop jobs
  for (const auto& thread : machine_.threads()) {
    if (thread->finished || thread->name.rfind("engin/run", 0) != 0) continue;
    const bool in_job = thread->job >= 0;
    if (in_job || thread->wait == Wait::Futex) ++alive;  // or else it retires: it joins the one before
    if (!in_job && thread->wait == Wait::Futex) ++parked;
    if (in_job && jobs_[static_cast<std::size_t>(thread->job)].plan.lane == Lane::Stop) ++held;
  }
  check_ready_jobs(parked, held);
  check_timers();
  check_runners(alive);
}

bool Run::patience_is_over(const SimJob& job) const {
  const TimePoint awake = machine_.awake();
  return awake - job.posted > kMostPatience &&
         (machine_.refusals() == 0 || awake - machine_.latest_refusal() > kRefusedPatience);
}

void Run::check_ready_jobs(int parked, int held) {
  const SimThread* monitor = thread_named("engin/monitor");
  const SimThread* control = thread_named("engin/control");
  const Machine::Looking looking;
  const TimePoint awake = machine_.awake();
  if (runtime_->stats().runners >= program_.max_runners + held) latest_full_ = awake;
  const bool room = awake - latest_full_ > kMostPatience;
  for (const SimJob& job : jobs_) {
    if (!job.ready) continue;
    const std::string name = "job " + std::to_string(job.index);
    if (job.plan.lane == Lane::Control) {
      if (control->job < 0) machine_.fail("L2: " + name + " waits, and the control runner sleeps");
      continue;
    }
    if (monitor->wait == Wait::Futex && monitor->deadline == TimePoint::max()) {
      machine_.fail("L2: " + name + " is ready, and the growth monitor sleeps for ever");
    }
    if (job.shared && parked > 0) machine_.fail("L2: " + name + " is ready in a shared queue, and a runner sleeps");
    if (patience_is_over(job) && (parked > 0 || room || job.plan.lane == Lane::Stop)) {
      machine_.fail("L2: " + name + " is ready for long, and no runner comes for it");
    }
  }
}

void Run::check_timers() {
  const SimThread* scheduler = thread_named("engin/timer");
  if (scheduler->wait != Wait::Futex) return;
  TimePoint runners = TimePoint::max();  // until when the first of those sleeps that have nothing to do
  bool one_is_busy = false;
  for (const auto& thread : machine_.threads()) {
    if (thread->finished || thread->name.rfind("engin/run", 0) != 0) continue;
    one_is_busy |= thread->job >= 0;
    if (thread->job < 0 && thread->wait == Wait::Futex) runners = std::min(runners, thread->deadline);
  }
  for (const SimTimer& timer : timers_) {
    if (timer.state != SimTimer::State::Armed || !timer.in_queue || runners <= timer.wanted) continue;
    // A runner that keeps time may be busy; then the scheduler looks a little later.
    const TimePoint latest = one_is_busy ? std::max(timer.wanted + runtime::Deadlines::kPatience,
                                                    machine_.now() + runtime::Deadlines::kTrust)
                                         : timer.wanted;
    if (scheduler->deadline > latest) {
      machine_.fail("timer: " + std::to_string(timer.index) + " is pending, and who keeps time sleeps for longer");
    }
  }
}

void Run::check_runners(int alive) {
  const Machine::Looking looking;
  const int runners = runtime_->stats().runners;
  if (runners != alive) {
    machine_.fail("runners: " + std::to_string(runners) + " are counted, and " + std::to_string(alive) + " live");
  }
  // One more for each time that a stop job held one, also if that has just ended and the monitor could not know.
  if (runners > program_.max_runners + stop_posts_) machine_.fail("runners: more than max_runners");
  if (runners < program_.runners && all_runners_started_) machine_.fail("runners: too many have retired");
  // One that could not be had was counted for a moment. With timers a runner keeps time.
  if (has_grown_ || machine_.refusals() != 0 || !program_.timers.empty()) return;
  for (const auto& thread : machine_.threads()) {
    const bool is_parked = !thread->finished && thread->job < 0 && thread->wait == Wait::Futex;
    if (is_parked && thread->name.rfind("engin/run", 0) == 0 && thread->deadline != TimePoint::max()) {
      machine_.fail("idle: a runner that stays wakes up for nothing");
    }
  }
}

// The machine does not let the thread go on, which is in the middle of something when stop() is called.
void Run::freeze() {
  if (stopping_ && program_.stalls != 0) machine_.sleep_until(machine_.now() + std::chrono::milliseconds(1100), true);
}

void Run::runner_added(int) noexcept {
  freeze();
  if (stopped_) machine_.fail("growth: tells of a runner after the runtime was stopped");
  has_grown_ = true;
  // One in flight may count for the stretch before.
  if (++stretch_grown_ > stretch_ready_ + 1) machine_.fail("growth: more runners were added than jobs were ready");
}

void Run::at_end() {
  for (const SimJob& job : jobs_) {
    if (job.ready || job.runs) machine_.fail("a job never ran: " + std::to_string(job.index));
  }
  for (const SimTimer& timer : timers_) {
    if (timer.state == SimTimer::State::Armed && !program_.leaves_timers) machine_.fail("timer: lost");
  }
  for (const auto& thread : machine_.threads()) {
    if (!thread->detached) machine_.fail("threads: " + thread->name + " was neither joined nor left behind");
  }
  if (!gone_.expired()) machine_.fail("memory: the runtime is never destroyed");
}

}  // namespace

Result run(const Program& program, simulation::Strategy& strategy,
           const std::function<void(const std::string&)>& trace) {
  return Run(program, strategy, trace).result();
}

}  // namespace engin::lower
