#include "test/simulation/behaviours.h"

#include <exception>
#include <stdexcept>
#include <utility>

#include "runtime/virtual_world.h"

namespace engin::simulation {

namespace {

using namespace std::chrono_literals;
using Op = Step::Op;

/// Sees one attempt (or call, or run of a hook) from its first instruction to its last.
class Watch {
 public:
  Watch(Simulation& s, int task, bool hook, std::stop_token token)
      : s_(s),
        task_(task),
        hook_(hook),
        attempt_(this_task::attempt()),
        token_(std::move(token)),
        fired_(token_, Fired{this}) {
    ++s_.live_frames;
    s_.see(hook_ ? What::HookEnter : What::Enter, task_, attempt_);
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() {
    --s_.live_frames;
    look();
    s_.see(hook_ ? What::HookLeave : What::Leave, task_, attempt_, bad_ || std::uncaught_exceptions() > uncaught_);
  }
  /// A request of stop that was seen stays.
  void look() {
    const bool stopped = token_.stop_requested();
    if (stopped_ && !stopped) s_.see(What::TokenLost, task_, attempt_);
    stopped_ = stopped_ || stopped;
  }
  bool stopped() const { return token_.stop_requested(); }
  const std::stop_token& token() const noexcept { return token_; }
  void bad() noexcept { bad_ = true; }

 private:
  struct Fired {
    Watch* watch;
    void operator()() const {
      const runtime::VirtualWorld::Uninterrupted here;  // as it says there
      watch->stopped_ = true;
      if (watch->hook_) return;
      Record r;
      r.what = What::TokenFired;
      r.task = watch->task_;
      r.attempt = watch->attempt_;
      r.reason = this_task::stop_reason();
      watch->s_.see(r);
    }
  };
  Simulation& s_;
  int task_;
  bool hook_;
  std::uint64_t attempt_;
  std::stop_token token_;
  bool stopped_ = false;
  bool bad_ = false;
  int uncaught_ = std::uncaught_exceptions();  // more of them at the end: it throws, as co_await may
  std::stop_callback<Fired> fired_;
};

/// The end of a script; throws, or gives the Status.
absl::Status end_of(const Script& script, Watch& watch) {
  if (script.ending != Ending::Return) watch.bad();
  switch (script.ending) {
    case Ending::ThrowStd:
      throw std::runtime_error("planned");
    case Ending::ThrowInt:
      throw 42;
    case Ending::ThrowStopped:
      throw Stopped();
    case Ending::BadStatus:
      return absl::UnavailableError("planned");
    case Ending::Return:
      break;
  }
  return absl::OkStatus();
}

absl::Status run_plain(Simulation& s, int task, const Script& script, bool hook, std::stop_token token) {
  Watch watch(s, task, hook, std::move(token));
  for (const Step& step : script.steps) {
    watch.look();
    bool cut = false;
    switch (step.op) {
      case Op::Sleep:
        cut = !this_task::sleep_for(step.d);
        break;
      case Op::Ready:
        this_task::ready();
        break;
      case Op::Beat:
        this_task::beat();
        break;
      case Op::Act:
        s.act(step.action, task);
        break;
      default:
        s.block(step.d);
        break;
    }
    if (cut && script.heeds_stop) break;
  }
  while (script.until_stop && !watch.stopped()) this_task::sleep_for(1h);
  return end_of(script, watch);
}

Co<absl::Status> run_coroutine(Simulation& s, int task, const Script& script, bool hook, std::stop_token token) {
  Watch watch(s, task, hook, std::move(token));
  for (const Step& step : script.steps) {
    watch.look();
    bool goes_on = true;
    switch (step.op) {
      case Op::Sleep:
        goes_on = co_await sleep_for(step.d);
        break;
      case Op::SleepThrough:
        goes_on = co_await sleep_for(step.d, ignore_stop);
        break;
      case Op::Yield:
        goes_on = co_await yield();
        break;
      case Op::Await:
        goes_on = co_await s.wakeup().wait();
        break;
      case Op::AwaitFor: {
        const WaitResult result = co_await s.wakeup().wait_for(step.d);
        goes_on = result != WaitResult::Stopped;
        break;
      }
      case Op::Blocking: {
        auto f = [&s, d = step.d] { s.block(d); };
        co_await blocking(f);
        break;
      }
      case Op::Suspend: {
        auto start = [&s, d = step.d](Resumer resumer) { s.resume_after(std::move(resumer), d); };
        auto cancel = [] {};
        co_await suspend(start, cancel);
        break;
      }
      case Op::Ready:
        this_task::ready();
        break;
      case Op::Beat:
        this_task::beat();
        break;
      case Op::Act:
        s.act(step.action, task);
        break;
      case Op::Block:
        s.block(step.d);
        break;
    }
    if (!goes_on && script.heeds_stop) break;
  }
  while (script.until_stop && !watch.stopped()) {
    const bool on = co_await sleep_for(1h);
    (void)on;
  }
  co_return end_of(script, watch);
}

const Script& calm_script() {
  static const Script script;
  return script;
}

/// What a supervised callable is: a counter of its calls, and something that must be destroyed.
struct Body {
  Simulation* s;
  int task;
  Captured captured;
  std::uint64_t calls = 0;
  const Script& next() {
    const std::uint64_t n = calls++;
    return s->is_calm() ? calm_script() : s->plan(task).script(n);
  }
};
struct PlainBody : Body {
  absl::Status operator()(std::stop_token token) { return run_plain(*s, task, next(), false, std::move(token)); }
};
struct CoroutineBody : Body {
  Co<absl::Status> operator()(std::stop_token token) {
    return run_coroutine(*s, task, next(), false, std::move(token));
  }
};

Hook make_hook(Simulation& s, int task) {
  const HookPlan& hook = s.plan(task).hook;
  if (!hook.present) return {};
  if (hook.coroutine) {
    return [&s, task](std::stop_token token) {
      return run_coroutine(s, task, s.plan(task).hook.script, true, std::move(token));
    };
  }
  return [&s, task](std::stop_token token) {
    return run_plain(s, task, s.plan(task).hook.script, true, std::move(token));
  };
}

std::function<bool(const Failure&)> make_retry_if(Simulation& s, int task) {
  const RetryIf kind = s.plan(task).retry_if;
  if (kind == RetryIf::None) return {};
  return [&s, task, kind](const Failure& failure) {
    s.see(What::AskEnter, task, failure.attempt());
    if (kind == RetryIf::YesLater) s.block(10ms);
    s.see(What::AskLeave, task, failure.attempt());
    if (kind == RetryIf::Throws) throw std::runtime_error("retry_if");
    return kind != RetryIf::No;
  };
}

class Recording final : public Observer {
 public:
  explicit Recording(Simulation& s) : s_(s) {}
  void on_event(const Event& e) override {
    Record r;
    r.what = What::Event;
    r.task = e.task == 0 ? -1 : s_.index_of(e.task_name);
    r.time = e.time;
    r.kind = e.kind;
    r.attempt = e.attempt;
    r.decision = e.decision;
    r.delay = e.delay;
    r.reason = e.reason;
    r.hook = e.hook;
    r.value = e.kind == EventKind::StragglerEnded && e.detail == "hook" ? 1 : 0;
    r.bad = e.failure.has_value();
    s_.see(r);
  }

 private:
  Simulation& s_;
};

class Troublemaker final : public Observer {
 public:
  Troublemaker(Simulation& s, const ObserverPlan& plan) : s_(s), plan_(plan) {}
  void on_event(const Event&) override {
    const int n = seen_++;
    if (n < plan_.from || s_.is_calm()) return;
    if (n == plan_.from) {
      if (plan_.kind == ObserverPlan::Kind::Throws) throw std::runtime_error("observer");
      if (plan_.kind == ObserverPlan::Kind::Acts) s_.act(plan_.action, -2);
      if (plan_.kind == ObserverPlan::Kind::Blocks) s_.block(plan_.d);
    }
    if (plan_.kind == ObserverPlan::Kind::Preempts) s_.preempt();
  }

 private:
  Simulation& s_;
  ObserverPlan plan_;
  int seen_ = 0;
};

}  // namespace

TaskHandle hand_over(Simulation& s, Supervisor& supervisor, int task) {
  const TaskPlan& plan = s.plan(task);
  TaskOptions options = plan.options;
  options.shutdown_hook = make_hook(s, task);
  options.retry_if = make_retry_if(s, task);
  switch (plan.kind) {
    case TaskKind::Plain:
      return supervisor.supervise(PlainBody{{&s, task, Captured(s, task)}}, std::move(options));
    case TaskKind::Coroutine:
      return supervisor.supervise(CoroutineBody{{&s, task, Captured(s, task)}}, std::move(options));
    case TaskKind::Periodic:
      return supervisor.supervise(every(plan.period, PlainBody{{&s, task, Captured(s, task)}}, plan.periodic),
                                  std::move(options));
    case TaskKind::PeriodicCoroutine:
      return supervisor.supervise(every(plan.period, CoroutineBody{{&s, task, Captured(s, task)}}, plan.periodic),
                                  std::move(options));
  }
  return {};
}

std::shared_ptr<Observer> make_recorder(Simulation& s) { return std::make_shared<Recording>(s); }
std::shared_ptr<Observer> make_observer(Simulation& s, const ObserverPlan& plan) {
  return std::make_shared<Troublemaker>(s, plan);
}

}  // namespace engin::simulation
