#include "test/simulation/scenario.h"

#include <algorithm>
#include <iterator>

#include "base/random.h"

namespace engin::simulation {

using namespace std::chrono_literals;

namespace {

using Kind = Action::Kind;
using Op = Step::Op;

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(base::mix(seed)) { s_.seed = seed; }

  Scenario make() {
    const std::size_t wanted = 1 + below(5);
    s_.initial = 1 + below(wanted);
    for (std::size_t i = 0; i < wanted; ++i) count_ = static_cast<int>(i + 1);
    supervisor();
    for (std::size_t i = 0; i < wanted; ++i) s_.tasks.push_back(task(i));
    s_.early = below(s_.initial + 1);
    for (std::uint64_t n = below(4); n > 0; --n) s_.threads.push_back(thread());
    for (TaskPlan& t : s_.tasks) {
      if (one_in(12) && t.at_destruction.kind == Kind::None) t.short_of_memory = static_cast<int>(1 + below(24));
    }
    for (std::uint64_t n = one_in(4) ? 1 + below(2) : 0; n > 0; --n) {
      s_.jumps.push_back({below(300), pick<Duration>({1ms, 20ms, 1s, 60s, 3600s})});
    }
    return std::move(s_);
  }

 private:
  std::uint64_t below(std::uint64_t n) { return random_.below(n); }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  template <class T, std::size_t N>
  T pick(const T (&list)[N]) {
    return list[below(N)];
  }
  Duration brief() { return pick<Duration>({0ms, 1ms, 1ms, 10ms, 10ms, 50ms, 100ms}); }
  Duration some() { return pick<Duration>({0ms, 1ms, 10ms, 100ms, 100ms, 500ms, 1s, 3s}); }

  void supervisor() {
    s_.stop_order = one_in(3) ? StopOrder::Reverse : StopOrder::Together;
    s_.on_straggler = one_in(4) ? OnStraggler::Abandon : OnStraggler::Wait;
    s_.shutdown_timeout = pick<Duration>({100ms, 1s, 2s, 5s, 25s, 25s});
    if (one_in(8)) s_.shutdown_timeout = 0ms;
    s_.started = !one_in(40);
    s_.record = !one_in(10);
    s_.chaos_steps = 20 + below(400);
    s_.chaos_time = pick<Duration>({10ms, 100ms, 1s, 10s, 100s});
    s_.destroy_before_calm = one_in(4);
    s_.preemption = one_in(3) ? 0 : pick<std::uint32_t>({2, 4, 10, 30});
    // A supervisor that was never started has no threads: an observer or callback that hangs would hang its caller.
    for (std::uint64_t n = one_in(2) ? below(3) : 0; n > 0; --n) {
      ObserverPlan o;
      o.kind = static_cast<ObserverPlan::Kind>(below(4));
      o.from = static_cast<int>(below(12));
      o.action = quick_action();
      o.d = one_in(6) && s_.started ? UntilCalm : some();
      s_.observers.push_back(o);
    }
    if (one_in(5) && s_.started) {
      s_.at_stop_token =
          one_in(2) ? Step{Op::Act, {}, quick_action()} : Step{Op::Block, one_in(4) ? UntilCalm : some(), {}};
    }
  }

  Action quick_action() {
    Action a;
    a.kind = pick<Kind>({Kind::Supervise, Kind::RequestStop, Kind::RequestStop, Kind::Restart, Kind::Restart,
                         Kind::Remove, Kind::Find, Kind::Snapshot, Kind::ForEach, Kind::Notify, Kind::NotifyAll,
                         Kind::DropHandle, Kind::Preempt, Kind::Preempt});
    if (one_in(12)) a.kind = Kind::RequestShutdown;
    if (one_in(20)) a.kind = pick<Kind>({Kind::Shutdown, Kind::WaitFor, Kind::WaitAll, Kind::Stop, Kind::Wait});
    a.task = static_cast<int>(below(static_cast<std::uint64_t>(count_)));
    a.d = some();
    return a;
  }

  std::vector<Action> thread() {
    std::vector<Action> list;
    for (std::uint64_t n = 1 + below(8); n > 0; --n) {
      if (one_in(2)) list.push_back({Kind::Pause, 0, some()});
      Action a = quick_action();
      if (one_in(3)) {
        a.kind = pick<Kind>({Kind::Stop, Kind::Stop, Kind::Wait, Kind::WaitReady, Kind::WaitFor, Kind::Stop});
        if (one_in(8)) a.kind = pick<Kind>({Kind::WaitAll, Kind::Shutdown});
      }
      list.push_back(a);
    }
    return list;
  }

  Step step(bool coroutine, bool hook) {
    Step s;
    if (coroutine) {
      s.op = pick<Op>({Op::Sleep, Op::Sleep, Op::Sleep, Op::Yield, Op::Await, Op::AwaitFor, Op::Blocking, Op::Suspend,
                       Op::SleepThrough, Op::Block, Op::Act, Op::Ready});
    } else {
      s.op = pick<Op>({Op::Sleep, Op::Sleep, Op::Sleep, Op::Block, Op::Act, Op::Ready, Op::Beat});
    }
    if (hook && s.op == Op::Await) s.op = Op::AwaitFor;
    s.d = some();
    if (one_in(25) && (s.op == Op::Block || s.op == Op::Blocking || s.op == Op::Suspend || s.op == Op::SleepThrough)) {
      s.d = s.op == Op::SleepThrough ? Duration(90s) : UntilCalm;
    }
    s.action = quick_action();
    return s;
  }

  Script script(bool coroutine, bool hook, std::uint64_t failing) {
    Script s;
    for (std::uint64_t n = below(hook ? 3 : 4); n > 0; --n) s.steps.push_back(step(coroutine, hook));
    s.heeds_stop = !one_in(4);
    s.until_stop = !hook && one_in(4);
    if (failing != 0 && below(10) < failing) {
      s.ending =
          pick<Ending>({Ending::ThrowStd, Ending::ThrowStd, Ending::ThrowInt, Ending::ThrowStopped, Ending::BadStatus});
    }
    return s;
  }

  TaskPlan task(std::size_t i) {
    TaskPlan t;
    t.kind = static_cast<TaskKind>(below(10) < 7 ? below(2) : 2 + below(2));
    const bool coroutine = t.kind == TaskKind::Coroutine || t.kind == TaskKind::PeriodicCoroutine;
    TaskOptions& o = t.options;
    o.name = "t" + std::to_string(i);
    o.on_exception =
        pick<OnException>({OnException::Retry, OnException::Retry, OnException::Retry, OnException::Ignore});
    if (one_in(8)) o.on_exception = OnException::Shutdown;
    o.on_return = pick<OnReturn>({OnReturn::Finish, OnReturn::Finish, OnReturn::Finish, OnReturn::Restart});
    if (one_in(20)) o.on_return = OnReturn::Shutdown;
    switch (below(5)) {
      case 0:
        o.backoff = Backoff::immediate();
        break;
      case 1:
        o.backoff = Backoff::constant(brief());
        break;
      case 2:
        o.backoff = Backoff::schedule({brief(), some(), brief()});
        break;
      default:
        o.backoff = {.initial = pick<Duration>({1ms, 10ms, 100ms}), .max = pick<Duration>({100ms, 1s, 30s})};
        o.backoff.multiplier = pick<double>({1, 1.5, 2, 10});
        o.backoff.jitter = static_cast<Jitter>(below(3));
    }
    o.backoff.reset_after = pick<Duration>({0ms, 100ms, 1s, 60s, 60s});
    if (one_in(2)) {
      o.restart_limit.max_restarts = below(4);
      o.restart_limit.window = pick<Duration>({10ms, 1s, 10s, 60s});
      o.restart_limit.then = one_in(3) ? OnLimit::CoolDown(some()) : one_in(3) ? OnLimit::Shutdown : OnLimit::GiveUp;
      if (!o.validate().ok()) o.restart_limit = {};
    }
    o.hook_timeout = pick<Duration>({0ms, 10ms, 100ms, 1s, 5s, 5s});
    o.stop_timeout = pick<Duration>({0ms, 10ms, 100ms, 1s, 10s, 10s});
    if (one_in(6)) {
      o.heartbeat_timeout = pick<Duration>({10ms, 100ms, 1s});
      if (one_in(2)) o.on_unresponsive = OnUnresponsive::Fail;
    }
    o.blocking = one_in(6);
    if (one_in(4)) t.retry_if = static_cast<RetryIf>(1 + below(4));
    if (one_in(2)) {
      t.hook.present = true;
      t.hook.coroutine = one_in(3);
      t.hook.script = script(t.hook.coroutine, true, 3);
      t.hook.script.until_stop = one_in(6);  // until its own time is over
    }
    t.period = pick<Duration>({1ms, 10ms, 100ms, 1s});
    // Due calls come no later than the period, so that a short window could never see enough of them.
    if (is_periodic(t.kind) && o.restart_limit.window < 60s) o.restart_limit = {};
    t.periodic.first = one_in(2) ? 0ms : some();
    t.periodic.overlap = one_in(2) ? Overlap::Skip : Overlap::RunOnce;
    t.periodic.jitter = one_in(3) ? t.period / 2 : 0ms;
    const std::uint64_t failing = below(11);
    for (std::uint64_t n = 1 + below(4); n > 0; --n) t.scripts.push_back(script(coroutine, false, failing));
    if (one_in(4)) t.at_destruction = quick_action();
    return t;
  }

  base::Random random_;
  Scenario s_;
  int count_ = 0;
};

}  // namespace

Scenario generate(std::uint64_t seed) { return Generator(seed).make(); }

namespace {

Scenario two_tasks() {
  Scenario s;
  TaskPlan failing;
  failing.kind = TaskKind::Coroutine;
  failing.options.name = "failing";
  failing.options.on_exception = OnException::Retry;
  failing.options.backoff = Backoff::constant(10ms);
  const Script fails{{{Op::Yield, {}, {}}, {Op::Yield, {}, {}}}, false, true, Ending::BadStatus};
  const Script runs{{{Op::Yield, {}, {}}, {Op::Sleep, 5ms, {}}}, true, true, Ending::Return};
  failing.scripts = {fails, fails, runs};
  TaskPlan hooked;
  hooked.kind = TaskKind::Coroutine;
  hooked.options.name = "hooked";
  hooked.hook = {true, true, {{{Op::Yield, {}, {}}, {Op::Sleep, 1ms, {}}}, false, true, Ending::Return}};
  hooked.scripts = {{{{Op::Yield, {}, {}}, {Op::Yield, {}, {}}}, true, true, Ending::Return}};
  s.tasks = {failing, hooked};
  s.initial = s.early = 2;
  s.threads = {{{Kind::Pause, 0, {}}, {Kind::Shutdown, 0, {}}}};
  s.chaos_time = 1s;
  s.chaos_steps = 1'000'000;
  s.preemption = 4;
  s.snapshots = false;
  return s;
}

}  // namespace

Scenario small_scenario(std::uint64_t seed) {
  static const Scenario made = two_tasks();
  Scenario s = made;
  s.seed = seed;
  s.threads[0][0].d = Duration(base::Random(base::mix(seed)).below(30'000'000));
  return s;
}

Scenario speed_scenario(std::uint64_t seed) {
  Scenario s = small_scenario(seed);
  s.record = false;
  return s;
}

Duration longest_after_stop(const Script& script) {
  Duration sum{};
  for (const Step& step : script.steps) {
    switch (step.op) {
      case Op::Block:
      case Op::SleepThrough:
      case Op::Blocking:
      case Op::Suspend:
        if (step.d == UntilCalm) return UntilCalm;
        sum += step.d;
        break;
      case Op::Act:
        if (waits(step.action.kind)) return UntilCalm;
        break;
      default:
        break;
    }
  }
  return sum;
}

std::string text(Duration d) {
  if (d == UntilCalm) return "until calm";
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(d).count();
  return us % 1000 == 0 ? std::to_string(us / 1000) + "ms" : std::to_string(us) + "us";
}

}  // namespace engin::simulation
