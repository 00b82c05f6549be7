// What must hold of stops, of the shutdown, and of what is left after it.
#include <algorithm>
#include <string>
#include <vector>

#include "test/simulation/checker.h"

namespace engin::simulation {

namespace {

using namespace std::chrono_literals;

std::string number(std::uint64_t n) { return std::to_string(n); }

/// Had started and not ended: its hook is due at a stop.
bool is_active(TaskState s) noexcept { return s != TaskState::Registered && !is_ended(s); }

struct HookNote {
  std::uint64_t runs = 0;
  std::uint64_t restarts = 0;
  bool due = false;
  bool not_started = false;
  bool running = false;
  TimePoint began{};
  bool told_over = false;  // by events, since the attempt started
  bool told_running = false;
  int told_runs = 0;  // since a stop could have been taken back
};
class HooksRunOnceAndFirst final : public TaskChecker<HookNote> {
 public:
  HooksRunOnceAndFirst() : TaskChecker("S3") {}
  void see(const Record& r) override {
    if (r.what == What::ShutdownSeen) {
      shutdown_ = true;
      began_ = r.time;
    }
    if (r.what == What::ClockJumped) jumped_ = true;
    if (r.task < 0 || !plan(r.task).hook.present) return;
    HookNote& n = of(r);
    switch (r.what) {
      case What::HookEnter:
        if (++n.runs > 1 + n.restarts) fail(r, "its hook runs for the " + number(n.runs) + "th time");
        if (n.running) fail(r, "its hook runs while it runs");
        n.running = true;
        n.began = r.time;
        return;
      case What::HookLeave:
        n.running = false;
        return;
      case What::RestartBegin:
        ++n.restarts;
        n.told_runs = 0;
        return;
      case What::StopEnd:
        if (r.value == static_cast<int>(StopResult::Stopped) && is_active(r.state)) n.due = true;
        if (r.value == -1 && is_active(r.state) && scenario().preemption == 0) n.due = true;
        return;
      case What::Baseline:
        if (is_active(r.state)) n.due = true;
        return;
      case What::NotStarted:
        n.not_started = true;
        return;
      case What::TokenFired:
        if (r.reason == StopReason::Shutdown || r.reason == StopReason::Requested) token(r, n);
        return;
      case What::Event:
        event(r, n);
        return;
      default:
        return;
    }
  }
  void finish(const Final& f) override {
    if (f.stuck || !scenario().started) return;
    for (std::size_t i = 0; i < notes_.size(); ++i) {
      if (notes_[i].due && notes_[i].runs == 0 && !notes_[i].not_started) {
        fail(static_cast<int>(i), {}, "was stopped, and its hook never ran");
      }
    }
  }

 protected:
  void reset() override {
    TaskChecker::reset();
    shutdown_ = jumped_ = false;
  }

 private:
  bool past_deadline(TimePoint now) const { return shutdown_ && now >= began_ + scenario().shutdown_timeout; }

  /// Stop reached the attempt: its hook must be over, or have had its time.
  void token(const Record& r, const HookNote& n) {
    if (past_deadline(r.time)) return;
    // Without any time it may be over before its first instruction; so it may if the clock jumps right before that.
    if (plan(r.task).options.hook_timeout == Duration::zero()) return;
    if (jumped_ && scenario().preemption != 0) return;
    if (n.runs == 0) fail(r, "was asked to stop before its hook ran");
    if (!n.running) return;
    Duration time = plan(r.task).options.hook_timeout;
    if (shutdown_) {
      if (scenario().stop_order == StopOrder::Reverse) return;  // its slice decides
      time = std::min(time, (began_ + scenario().shutdown_timeout - n.began) / 2);
    }
    if (r.time < n.began + time) fail(r, "was asked to stop while its hook ran");
  }

  void event(const Record& r, HookNote& n) {
    switch (r.kind) {
      case EventKind::AttemptStarted:
        n.told_over = false;
        break;
      case EventKind::HookStarted:
        if (++n.told_runs > 1 && n.restarts == 0) fail(r, "its hook is told to start a second time");
        n.told_running = true;
        break;
      case EventKind::HookEnded:
      case EventKind::HookTimedOut:
        if (!n.told_running) fail(r, "the end of a hook is told that had not started");
        n.told_running = false;
        n.told_over = true;
        break;
      case EventKind::StopRequested:
        if ((r.reason == StopReason::Shutdown || r.reason == StopReason::Requested) && !n.told_over &&
            !past_deadline(r.time) && n.restarts == 0) {
          fail(r, "stop is told before the end of its hook");
        }
        break;
      default:
        break;
    }
  }
  bool shutdown_ = false;
  bool jumped_ = false;
  TimePoint began_{};
};

struct TurnNote {
  int place = -1;           // in the order of registration; -1: nothing of it was left to stop when shutdown began
  bool of_its_own = false;  // asked to stop by somebody else, and so not in its turn
  bool begun = false;
  bool running = false;
  TimePoint began{};
};
/// StopOrder::Reverse: the hooks run one after the other, that of the task registered last first.
class ReverseTakesTurns final : public TaskChecker<TurnNote> {
 public:
  ReverseTakesTurns() : TaskChecker("S3") {}
  void see(const Record& r) override {
    if (scenario().stop_order != StopOrder::Reverse || !scenario().started) return;
    // A jump before a hook's first instruction takes time from it, or from its slice, that is not seen.
    if (!scenario().jumps.empty()) return;
    if (r.what == What::ShutdownSeen) deadline_ = r.time + scenario().shutdown_timeout;
    if (r.task < 0 || !plan(r.task).hook.present) return;
    TurnNote& n = of(r);
    switch (r.what) {
      case What::StopBegin:
      case What::RestartBegin:
        n.of_its_own = true;
        return;
      case What::Baseline:
        ++tasks_;
        if (is_active(r.state)) n.place = tasks_;  // a snapshot lists them in the order of registration
        if (r.state == TaskState::Stopping || r.state == TaskState::Straggling) n.of_its_own = true;
        return;
      case What::HookEnter:
        if (n.place > 0 && !n.of_its_own && r.time < deadline_) take_turn(r, n);
        n.begun = n.running = true;
        n.began = r.time;
        return;
      case What::HookLeave:
        n.running = false;
        return;
      default:
        return;
    }
  }

 protected:
  void reset() override {
    TaskChecker::reset();
    deadline_ = TimePoint::max();
    tasks_ = 0;
  }

 private:
  void take_turn(const Record& r, const TurnNote& n) {
    for (std::size_t i = 0; i < notes_.size(); ++i) {
      const TurnNote& later = notes_[i];
      const Duration hook_time = plan(static_cast<int>(i)).options.hook_timeout;
      if (later.place <= n.place || later.of_its_own) continue;
      // Without any time it may be over before its first instruction.
      if (!later.begun && hook_time > Duration::zero())
        fail(r, "its hook runs before that of a task that was registered later");
      // At least its share of the time, less what always-ready things made pass.
      const Duration share = (deadline_ - later.began) / static_cast<int>(2 * notes_.size());
      const Duration time = std::min(hook_time, share) - Duration(50ms);
      if (later.running && r.time < later.began + time) fail(r, "its hook runs while another one does");
    }
  }

  TimePoint deadline_ = TimePoint::max();
  int tasks_ = 0;
};

struct StopNote {
  std::uint64_t told = 0;   // attempt whose stop request was told
  std::uint64_t fired = 0;  // attempt whose token fired
};
class StopIsRequestedOnce final : public TaskChecker<StopNote> {
 public:
  StopIsRequestedOnce() : TaskChecker("S4") {}
  void see(const Record& r) override {
    if (r.task < 0) return;
    if (r.what == What::TokenLost) fail(r, "its request of stop was taken back");
    if (r.what == What::TokenFired) {
      if (of(r).fired == r.attempt) fail(r, "the token of attempt " + number(r.attempt) + " fired twice");
      of(r).fired = r.attempt;
    }
    if (is_event(r, EventKind::StopRequested)) {
      if (of(r).told == r.attempt) fail(r, "stop was requested twice of attempt " + number(r.attempt));
      of(r).told = r.attempt;
    }
  }
};

struct StartNote {
  std::uint64_t at_shutdown = 0;
  bool frozen = false;  // stop() has returned
};
class NothingStartsAfterStop final : public TaskChecker<StartNote> {
 public:
  NothingStartsAfterStop() : TaskChecker("S5") {}
  void see(const Record& r) override {
    if (r.what == What::ShutdownSeen) {
      shutdown_ = true;
      began_ = r.time;
    }
    if (r.what == What::Gone) gone_ = true;
    if (r.task < 0) return;
    StartNote& n = of(r);
    switch (r.what) {
      case What::Baseline:
        n.at_shutdown = r.started;
        return;
      case What::Enter:
        if (shutdown_ && r.attempt > n.at_shutdown)
          fail(r, "attempt " + number(r.attempt) + " starts after shutdown began");
        if (n.frozen) fail(r, "attempt " + number(r.attempt) + " starts after stop() returned");
        return;
      case What::Seen:
        if (shutdown_ && r.started > n.at_shutdown)
          fail(r, "attempt " + number(r.started) + " started after shutdown began");
        return;
      case What::StopEnd:
        if (!r.bad && (r.value == static_cast<int>(StopResult::Stopped) ||
                       r.value == static_cast<int>(StopResult::AlreadyEnded))) {
          n.frozen = true;
        }
        return;
      case What::RestartBegin:
        n.frozen = false;
        return;
      case What::Event:
        if (shutdown_ && r.time > began_ && !is_periodic(plan(r.task).kind) &&
            (r.kind == EventKind::RestartScheduled || r.decision == Decision::Restart ||
             r.decision == Decision::CoolDown)) {
          fail(r, "a restart is scheduled after shutdown began");
        }
        return;
      default:
        return;
    }
  }
  void finish(const Final& f) override {
    if (gone_ && f.pending_timers != 0) fail(-1, {}, number(f.pending_timers) + " timers are pending after the end");
    if (gone_ && f.ready_jobs != 0) fail(-1, {}, number(f.ready_jobs) + " jobs are ready after the end");
  }

 protected:
  void reset() override {
    TaskChecker::reset();
    shutdown_ = gone_ = false;
  }

 private:
  bool shutdown_ = false;
  bool gone_ = false;
  TimePoint began_{};
};

class CleanMeansQuiet final : public Checker {
 public:
  CleanMeansQuiet() : Checker("S6") {}
  void see(const Record& r) override {
    if (r.what == What::Gone) gone_ = true;
    if (gone_ && r.what == What::Event) {
      fail(-1, r.time, "an observer is told " + std::string(engin::to_string(r.kind)) + " by who is gone");
      return;
    }
    if (r.what == What::ReportSeen && !r.bad) clean_ = true;
    if (!clean_) return;
    switch (r.what) {
      case What::Event:
        fail(-1, r.time, "an observer is told " + std::string(engin::to_string(r.kind)) + " after a clean report");
        return;
      case What::Enter:
      case What::Leave:
      case What::HookEnter:
      case What::HookLeave:
      case What::TokenFired:
      case What::AskEnter:
        fail(r, "its code runs after a clean report: " + std::string(to_string(r.what)));
        return;
      default:
        return;
    }
  }

 protected:
  void reset() override { clean_ = gone_ = false; }

 private:
  bool clean_ = false;
  bool gone_ = false;
};

struct AdoptNote {
  bool closed = false;  // shutdown had begun before the call
  bool open = false;    // the call is under way
  bool missed = false;  // and was so when shutdown had begun, without the task being there
  bool destroyed = false;
};
class RefusalKeepsNothing final : public TaskChecker<AdoptNote> {
 public:
  RefusalKeepsNothing() : TaskChecker("S7") {}
  void see(const Record& r) override {
    if (r.what == What::ShutdownSeen) {
      shutdown_ = true;
      for (AdoptNote& n : notes_) n.missed = n.open && !n.destroyed;
    }
    if (r.task < 0) return;
    AdoptNote& n = of(r);
    if (r.what == What::Baseline) n.missed = false;
    if (r.what == What::SuperviseBegin) {
      n.closed = shutdown_;
      n.open = true;
    }
    if (r.what == What::Destroyed) n.destroyed = true;
    if (r.what != What::SuperviseEnd) return;
    n.open = false;
    if (r.value == 0 && n.missed && !n.destroyed) fail(r, "entered after shutdown began");
    if (r.value == 0 && n.closed) fail(r, "was accepted after shutdown began");
    if (r.value == 1 && r.bad) fail(r, "was refused as if shutdown had begun");
    if (r.value == 2) fail(r, "was refused for another reason than shutdown");
    if (r.value == 3 && r.bad) fail(r, "found no memory, and its callable was kept");
    if (r.value == 1 && !n.destroyed) fail(r, "was refused, and its callable kept");
  }

 protected:
  void reset() override {
    TaskChecker::reset();
    shutdown_ = false;
  }

 private:
  bool shutdown_ = false;
};

struct HangNote {
  bool body = false, hook = false;  // runs
  TimePoint body_left{}, hook_left{};
  bool body_named = false, hook_named = false;
};
class ShutdownEndsInTime final : public TaskChecker<HangNote> {
 public:
  ShutdownEndsInTime() : TaskChecker("L1") {}
  void see(const Record& r) override {
    if (r.what == What::ShutdownSeen) {
      began_ = r.time;
      jumped_ = {};
    }
    if (r.what == What::ClockJumped) jumped_ += r.delay;
    if (r.what == What::WrongWait) fail(r.task, r.time, "a wait that could not end did not throw WouldDeadlock");
    if (r.what == What::StrangeThrow) fail(r.task, r.time, "a call threw what it must not throw");
    if (r.what == What::ReportSeen) report(r);
    if (r.task < 0) return;
    HangNote& n = of(r);
    switch (r.what) {
      case What::Enter:
        n.body = true;
        return;
      case What::AskEnter:
        n.body = true;
        return;
      case What::Leave:
      case What::AskLeave:
        n.body = false;
        n.body_left = r.time;
        return;
      case What::HookEnter:
        n.hook = true;
        return;
      case What::HookLeave:
        n.hook = false;
        n.hook_left = r.time;
        return;
      case What::Hung:
        (r.value == 1 ? n.hook_named : n.body_named) = true;
        return;
      default:
        return;
    }
  }
  void finish(const Final& f) override {
    if (f.stuck) fail(-1, {}, "it does not come to rest");
  }

 private:
  void report(const Record& r) {
    const TimePoint end = began_ + r.delay;
    // Whoever waits gives the report 10 ms, and then makes it itself.
    if (r.time > std::max(began_ + scenario().shutdown_timeout, r.due) + 10ms + jumped_) {
      fail(-1, r.time, "the report comes " + text(r.time - began_) + " after shutdown began");
    }
    const bool exact = scenario().preemption == 0 && scenario().observers.empty() && scenario().jumps.empty();
    for (std::size_t i = 0; i < notes_.size(); ++i) {
      HangNote& n = notes_[i];
      const int task = static_cast<int>(i);
      if (n.body && !n.body_named) fail(task, r.time, "still runs and is not named by the report");
      if (n.hook && !n.hook_named) fail(task, r.time, "its hook still runs and is not named by the report");
      // A periodic task is live between its calls too.
      const bool exact_body = exact && !is_periodic(plan(task).kind);
      if (exact_body && n.body_named && !n.body && n.body_left < end)
        fail(task, r.time, "had ended and is named as a straggler");
      if (exact && n.hook_named && !n.hook && n.hook_left < end) fail(task, r.time, "its hook had ended and is named");
    }
  }
  TimePoint began_{};
  Duration jumped_{};  // since then
};

class StoppingTakesAsLongAsTheSlowest final : public Checker {
 public:
  StoppingTakesAsLongAsTheSlowest() : Checker("T2") {}
  void see(const Record& r) override {
    if (r.what == What::ShutdownSeen) jumped_ = {};
    if (r.what == What::ClockJumped) jumped_ += r.delay;
    // Never started, it has no threads until somebody waits.
    if (!scenario().started) return;
    if (r.what != What::ReportSeen || !scenario().observers.empty() || scenario().at_stop_token.op == Step::Op::Block)
      return;
    Duration bound{};
    for (const TaskPlan& p : scenario().tasks) {
      if (p.at_destruction.kind != Action::Kind::None) return;
      const Duration hook = p.hook.present ? p.options.hook_timeout : Duration::zero();
      Duration body = ask_time(p);
      for (const Script& s : p.scripts) body = std::max(body, detail::saturate_add(longest_after_stop(s), ask_time(p)));
      const Duration one = hook + std::min(body, p.options.stop_timeout);
      bound = scenario().stop_order == StopOrder::Together ? std::max(bound, one) : bound + one;
    }
    bound += jumped_;
    // Time may pass a little late while something is always ready.
    if (r.delay > bound && r.delay - bound > Duration(10ms))
      fail(-1, r.time, "shutdown took " + text(r.delay) + ", the slowest task allows for " + text(bound));
  }

 protected:
  void reset() override {}

 private:
  Duration jumped_{};  // since shutdown began
  static Duration ask_time(const TaskPlan& p) {
    return p.retry_if == RetryIf::YesLater ? Duration(10ms) : Duration::zero();
  }
  struct detail {
    static Duration saturate_add(Duration a, Duration b) { return a == UntilCalm ? a : a + b; }
  };
};

class NothingIsLeft final : public Checker {
 public:
  NothingIsLeft() : Checker("M1") {}
  void see(const Record&) override {}
  void finish(const Final& f) override {
    if (f.live_objects != 0) fail(-1, {}, std::to_string(f.live_objects) + " captured objects are left");
    if (f.live_frames != 0) fail(-1, {}, std::to_string(f.live_frames) + " frames are left");
    if (f.supervisor_kept) fail(-1, {}, "a reference to the supervisor, or to a task of it, was not given back");
    for (std::size_t i = 0; i < f.tasks.size(); ++i) {
      if (f.tasks[i].ended_without_handle)
        fail(static_cast<int>(i), {}, "has ended, has no handle, and was not removed");
    }
  }

 protected:
  void reset() override {}
};

}  // namespace

void add_stop_checkers(Checkers& to) {
  to.push_back(std::make_unique<HooksRunOnceAndFirst>());
  to.push_back(std::make_unique<ReverseTakesTurns>());
  to.push_back(std::make_unique<StopIsRequestedOnce>());
  to.push_back(std::make_unique<NothingStartsAfterStop>());
  to.push_back(std::make_unique<CleanMeansQuiet>());
  to.push_back(std::make_unique<RefusalKeepsNothing>());
  to.push_back(std::make_unique<ShutdownEndsInTime>());
  to.push_back(std::make_unique<StoppingTakesAsLongAsTheSlowest>());
  to.push_back(std::make_unique<NothingIsLeft>());
}

}  // namespace engin::simulation
