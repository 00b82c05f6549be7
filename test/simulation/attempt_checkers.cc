// What must hold of attempts, failures and restarts.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "test/simulation/checker.h"

namespace engin::simulation {

namespace {

std::string number(std::uint64_t n) { return std::to_string(n); }

/// The attempt's end, as an event; of a periodic task's calls only what ends the series.
bool ends_attempt(const Record& r, const TaskPlan& plan) {
  if (r.what != What::Event) return false;
  if (r.kind == EventKind::Completed || r.kind == EventKind::Stopped) return true;
  if (r.kind != EventKind::Failed) return false;
  return !is_periodic(plan.kind) || r.decision == Decision::None || r.decision == Decision::Shutdown ||
         r.decision == Decision::GiveUp || r.decision == Decision::CoolDown;
}

struct LiveNote {
  int live = 0;
};
class OneLiveAttempt final : public TaskChecker<LiveNote> {
 public:
  OneLiveAttempt() : TaskChecker("S1") {}
  void see(const Record& r) override {
    if (r.what == What::Enter && ++of(r).live > 1)
      fail(r, "attempt " + number(r.attempt) + " begins while another one is live");
    if (r.what == What::Leave) --of(r).live;
  }
  void finish(const Final&) override {
    for (std::size_t i = 0; i < notes_.size(); ++i) {
      if (notes_[i].live != 0) fail(static_cast<int>(i), {}, "is still live after the end");
    }
  }
};

struct CountNote {
  std::uint64_t entered = 0;  // highest attempt that ran
  std::uint64_t distinct = 0;
  std::uint64_t announced = 0;      // by AttemptStarted
  std::vector<TimePoint> restarts;  // due times of restarts that count
  TimePoint left{};                 // when its body returned last
  bool disturbed = false;           // by restart(): its figures are not ours
};
class AttemptsAndLimit final : public TaskChecker<CountNote> {
 public:
  AttemptsAndLimit() : TaskChecker("S2") {}
  void see(const Record& r) override {
    if (r.task < 0) return;
    CountNote& n = of(r);
    if (r.what == What::Enter) {
      if (r.attempt != n.entered) {
        if (r.attempt < n.entered) fail(r, "attempt " + number(r.attempt) + " after attempt " + number(n.entered));
        ++n.distinct;
        n.entered = r.attempt;
        if (!is_periodic(plan(r.task).kind) && n.distinct != r.attempt) {
          fail(r, "attempt " + number(r.attempt) + " is the " + number(n.distinct) + "th to run");
        }
      } else if (!is_periodic(plan(r.task).kind)) {
        fail(r, "attempt " + number(r.attempt) + " runs twice");
      }
    } else if (r.what == What::Leave) {
      n.left = r.time;
    } else if (is_event(r, EventKind::AttemptStarted)) {
      if (r.attempt != ++n.announced)
        fail(r, "event of attempt " + number(r.attempt) + " in place " + number(n.announced));
    } else if (r.what == What::RestartBegin) {
      n.disturbed = true;
      n.restarts.clear();
    } else if (is_event(r, EventKind::Failed)) {
      decided(r, n);
    }
  }
  void finish(const Final& f) override {
    for (std::size_t i = 0; i < notes_.size(); ++i) {
      const Final::Task& task = f.tasks[i];
      const int index = static_cast<int>(i);
      if (!task.known) continue;
      if (task.restarted != (task.started > 0 ? task.started - 1 : 0)) {
        fail(index, {}, number(task.started) + " attempts and " + number(task.restarted) + " restarts");
      }
      if (!is_periodic(plan(index).kind) && task.started != notes_[i].distinct) {
        fail(index, {}, number(task.started) + " attempts counted, " + number(notes_[i].distinct) + " ran");
      }
    }
  }

 private:
  /// What was decided after a failure, against the limit.
  void decided(const Record& r, CountNote& n) {
    const TaskPlan& p = plan(r.task);
    const RestartLimit& limit = p.options.restart_limit;
    if (p.options.on_exception != OnException::Retry || !limit.max_restarts || n.disturbed) return;
    const auto within = [&](TimePoint at) {
      return static_cast<std::uint64_t>(
          std::count_if(n.restarts.begin(), n.restarts.end(), [&](TimePoint t) { return at - t < limit.window; }));
    };
    if (r.decision == Decision::Restart) {
      const TimePoint at = r.time + r.delay;
      if (within(at) >= *limit.max_restarts) fail(r, "restarted beyond its limit of " + number(*limit.max_restarts));
      n.restarts.push_back(at);
    } else if (r.decision == Decision::GiveUp || r.decision == Decision::CoolDown || r.decision == Decision::Shutdown) {
      // Neither the delay that was refused is told, nor when: the clock may have jumped since, before the event. At no
      // delay at all, and as early as can be, most restarts lie in the window.
      const bool may_refuse = p.retry_if == RetryIf::No || p.retry_if == RetryIf::Throws;
      if (!may_refuse && within(n.left) < *limit.max_restarts) {
        fail(r,
             "refused after " + number(within(n.left)) + " restarts, the limit being " + number(*limit.max_restarts));
      }
      n.restarts.clear();
    }
  }
};

struct PolicyNote {
  bool failed_for_good = false;  // a failed attempt under Ignore
  std::uint64_t restarts_called = 0;
  bool awaits = false;  // the restart that an event announced
  TimePoint due{};
};
class Policies final : public TaskChecker<PolicyNote> {
 public:
  Policies() : TaskChecker("S8") {}
  void see(const Record& r) override {
    if (is_event(r, EventKind::ShutdownBegan) && ++began_ > 1) fail(r, "shutdown began twice");
    if (r.what == What::ShutdownSeen) {
      seen_ = r;
      has_seen_ = true;
    }
    if (r.what == What::ReportSeen && has_seen_ && (seen_.value != r.value || seen_.task != r.task)) {
      fail(-1, r.time, "the cause of the shutdown has changed");
    }
    if (r.task < 0 || r.what == What::ShutdownSeen || r.what == What::ReportSeen) return;
    PolicyNote& n = of(r);
    const TaskOptions& o = plan(r.task).options;
    const bool periodic = is_periodic(plan(r.task).kind);
    if (r.what == What::RestartBegin) {
      ++n.restarts_called;
      n.failed_for_good = n.awaits = false;
    } else if (r.what == What::Leave && r.bad && !periodic && o.on_exception == OnException::Ignore) {
      n.failed_for_good = n.restarts_called == 0;
    } else if (r.what == What::Enter) {
      if (n.failed_for_good) fail(r, "attempt " + number(r.attempt) + " after a failure that was to be ignored");
    } else if (is_event(r, EventKind::Failed)) {
      if (r.decision == Decision::Shutdown) shutdown_decided_ = true;
      if (o.on_exception == OnException::Ignore && !periodic && r.decision == Decision::Restart &&
          n.restarts_called == 0) {
        fail(r, "a failure that was to be ignored leads to a restart");
      }
      if (o.on_exception == OnException::Shutdown && r.decision != Decision::Shutdown && !has_seen_) {
        fail(r, "a failure that was to shut down led to something else");
      }
      announced(r, n, periodic);
    } else if (is_event(r, EventKind::Completed)) {
      if (r.decision == Decision::Shutdown) shutdown_decided_ = true;
      announced(r, n, periodic);
    } else if (is_event(r, EventKind::AttemptStarted)) {
      if (n.awaits && r.time < n.due)
        fail(r, "attempt " + number(r.attempt) + " comes before its announced delay is over");
      // An observer may hold it back.
      if (n.awaits && r.time > n.due && scenario().observers.empty() && scenario().jumps.empty()) {
        fail(r, "attempt " + number(r.attempt) + " comes later than announced, by " + text(r.time - n.due));
      }
      n.awaits = false;
    }
  }
  void finish(const Final& f) override {
    if (shutdown_decided_ && !has_seen_) fail(-1, {}, "an event decided for shutdown, and none began");
    if (f.complete_log && has_seen_ && scenario().started && began_ == 0)
      fail(-1, {}, "no event told that shutdown began");
  }

 protected:
  void reset() override {
    TaskChecker::reset();
    began_ = 0;
    has_seen_ = shutdown_decided_ = false;
  }

 private:
  static void announced(const Record& r, PolicyNote& n, bool periodic) {
    n.awaits = !periodic && (r.decision == Decision::Restart || r.decision == Decision::CoolDown) &&
               n.restarts_called == 0;  // else this may be told after the restart that it was called for
    n.due = r.time + r.delay;
  }
  int began_ = 0;
  bool has_seen_ = false;
  bool shutdown_decided_ = false;
  Record seen_;
};

struct FailureNote {
  std::uint64_t untold = 0;  // failures that no event has told yet
  std::uint64_t failed = 0;
  bool live = false;
  bool bad = false;  // the latest end
  bool unresponsive = false;
};
class FailuresCounted final : public TaskChecker<FailureNote> {
 public:
  FailuresCounted() : TaskChecker("S10") {}
  void see(const Record& r) override {
    if (r.task < 0) return;
    FailureNote& n = of(r);
    if (r.what == What::Enter) n.live = true;
    if (r.what == What::Leave) {
      n.live = false;
      n.bad = r.bad;
      if (r.bad) ++n.untold;
    }
    if (r.what != What::Event) return;
    if (r.kind == EventKind::AttemptStarted) n.unresponsive = false;
    if (r.kind == EventKind::StopRequested) n.unresponsive = r.reason == StopReason::Unresponsive;
    if (r.kind == EventKind::Failed) ++n.failed;
    if (r.kind == EventKind::Failed || (r.kind == EventKind::Stopped && r.bad)) {
      if (n.untold != 0) {
        --n.untold;
      } else if (!n.unresponsive) {
        fail(r, "a failure is told that there was not, or twice");
      }
    }
    if (r.kind == EventKind::Completed && !n.live && n.bad && !is_periodic(plan(r.task).kind)) {
      fail(r, "a failed attempt is told as completed");
    }
  }
  void finish(const Final& f) override {
    if (!f.complete_log) return;
    std::uint64_t failed = 0;
    for (std::size_t i = 0; i < notes_.size(); ++i) {
      const FailureNote& n = notes_[i];
      const int index = static_cast<int>(i);
      failed += n.failed;
      if (n.untold != 0) fail(index, {}, number(n.untold) + " failures that no event told");
      if (f.tasks[i].known && f.tasks[i].failed != n.failed) {
        fail(index, {}, number(n.failed) + " failures told, " + number(f.tasks[i].failed) + " counted");
      }
    }
    if (f.has_totals && failed != f.total_failed) {
      fail(-1, {}, number(failed) + " failures told, " + number(f.total_failed) + " in the totals");
    }
  }
};

struct OutcomeNote {
  std::uint64_t entered = 0;
  bool stop_told = false;  // by events: the hook started, or stop was requested, since this attempt started
  bool unresponsive = false;
  bool token_fired = false;  // seen by the attempt itself, before it ended
  bool hook_entered = false;
  bool asked = false;  // retry_if was asked: from there on its outcome is fixed
  bool must_be_stopped = false;
};
class StoppedIsStopped final : public TaskChecker<OutcomeNote> {
 public:
  StoppedIsStopped() : TaskChecker("S11") {}
  void see(const Record& r) override {
    if (r.task < 0) return;
    OutcomeNote& n = of(r);
    switch (r.what) {
      case What::Enter:
        if (r.attempt != n.entered) begins(n, r.attempt);
        n.must_be_stopped = n.asked = false;
        return;
      case What::TokenFired:
        n.token_fired = true;
        return;
      case What::HookEnter:
        // Without any time it may begin when its stop, and even the task's next start, is over.
        n.hook_entered = plan(r.task).options.hook_timeout > Duration::zero();
        return;
      case What::AskEnter:
        n.asked = true;
        return;
      case What::Leave:
        n.must_be_stopped = n.token_fired || n.hook_entered;
        return;
      case What::Event:
        break;
      default:
        return;
    }
    if (r.kind == EventKind::AttemptStarted) {
      n.stop_told = n.unresponsive = false;
      if (r.attempt != n.entered) begins(n, r.attempt);  // the event may come after the attempt's first instruction
    }
    if (r.kind == EventKind::HookStarted) n.stop_told = true;
    if (r.kind == EventKind::RestartScheduled) n.unresponsive = false;
    if (r.kind == EventKind::StopRequested) {
      n.stop_told = true;
      n.unresponsive = r.reason == StopReason::Unresponsive;
    }
    if (r.kind == EventKind::Failed && std::exchange(n.unresponsive, false)) return;
    if (!ends_attempt(r, plan(r.task)) || r.attempt == 0) return;
    if (std::exchange(n.unresponsive, false)) {
      fail(r, "stopped as unresponsive, and yet no failure");
    } else if (r.kind == EventKind::Stopped) {
      // Without a live attempt it is the task that was stopped.
      if (n.must_be_stopped && !n.stop_told) fail(r, "stopped, but no event told that a stop had begun");
    } else if (n.must_be_stopped && !n.asked) {
      fail(r, "attempt " + number(r.attempt) + " ended after its stop had begun and counts as " +
                  std::string(engin::to_string(r.kind)));
    } else if (n.stop_told && !n.asked) {
      fail(r, "attempt " + number(r.attempt) + " counts as " + std::string(engin::to_string(r.kind)) +
                  " though the events say that its stop had begun");
    }
  }

 private:
  static void begins(OutcomeNote& n, std::uint64_t attempt) {
    n.entered = attempt;
    n.token_fired = n.hook_entered = n.asked = n.must_be_stopped = false;
  }
};

struct BackoffNote {
  bool waits = false;  // in backoff, or cooling down, by its events
  bool rests = false;
  TimePoint due{};
  bool disturbed = false;
};
class BackoffIsAState final : public TaskChecker<BackoffNote> {
 public:
  BackoffIsAState() : TaskChecker("S12") {}
  void see(const Record& r) override {
    if (r.what == What::ShutdownSeen) shutdown_ = true;
    if (r.task < 0) return;
    BackoffNote& n = of(r);
    if (r.what == What::Event) {
      const bool ends = r.kind == EventKind::Failed || r.kind == EventKind::Completed;
      if (ends && !is_periodic(plan(r.task).kind)) {
        n.rests = r.decision == Decision::CoolDown;
        n.waits = (n.rests || r.decision == Decision::Restart) && r.delay > Duration::zero();
        n.due = r.time + r.delay;
      }
      if (r.kind == EventKind::AttemptStarted || r.kind == EventKind::Stopped) n.waits = false;
    } else if (r.what == What::RestartBegin || r.what == What::StopBegin) {
      n.disturbed = true;
      n.waits = false;
    } else if (r.what == What::StopEnd && r.value >= 0 && !r.bad && !plan(r.task).hook.present &&
               (r.state == TaskState::Backoff || r.state == TaskState::CoolingDown)) {
      const auto result = static_cast<StopResult>(r.value);
      // With interruptions it may have left that state before the call took effect.
      if (scenario().preemption == 0 && (result != StopResult::Stopped || r.time != r.due)) {
        fail(r, "stop() in backoff took " + text(r.time - r.due) + ": " + std::string(engin::to_string(result)));
      }
    } else if (r.what == What::Seen && n.waits && !n.disturbed && !shutdown_ && scenario().observers.empty()) {
      if (r.time >= n.due) return;
      const TaskState expected = n.rests ? TaskState::CoolingDown : TaskState::Backoff;
      if (r.state != expected) fail(r, "waits for its restart in state " + std::string(engin::to_string(r.state)));
      if (r.state == expected && r.due != n.due) fail(r, "the snapshot's next attempt is not the one announced");
    }
  }

 protected:
  void reset() override {
    TaskChecker::reset();
    shutdown_ = false;
  }

 private:
  bool shutdown_ = false;
};

struct DelayNote {
  std::uint64_t streak = 0;
  TimePoint began{}, ready{};
  bool is_ready = false;
  bool disturbed = false;
};
class DelaysFollowThePolicy final : public TaskChecker<DelayNote> {
 public:
  DelaysFollowThePolicy() : TaskChecker("T1") {}
  void see(const Record& r) override {
    if (r.task < 0) return;
    DelayNote& n = of(r);
    if (r.what == What::RestartBegin) n.disturbed = true;
    if (r.what != What::Event) return;
    if (r.kind == EventKind::AttemptStarted) {
      n.began = r.time;
      n.is_ready = false;
    }
    if (r.kind == EventKind::Ready) {
      n.is_ready = true;
      n.ready = r.time;
    }
    if (n.disturbed || is_periodic(plan(r.task).kind)) return;
    const Backoff& b = plan(r.task).options.backoff;
    if (r.decision == Decision::CoolDown) n.streak = 0;
    if (r.decision != Decision::Restart || (r.kind != EventKind::Failed && r.kind != EventKind::Completed)) return;
    if (r.time - (n.is_ready ? n.ready : n.began) >= b.reset_after) n.streak = 0;
    Backoff::Range range = b.range(++n.streak);
    if (r.kind == EventKind::Completed) {
      // At least `initial`, which may itself be jittered.
      range.earliest = std::max(range.earliest, b.range(1).earliest);
      range.latest = std::max(range.latest, b.range(1).latest);
    }
    if (r.delay < range.earliest || r.delay > range.latest) {
      fail(r, "delay " + text(r.delay) + " before restart " + number(n.streak) + " in a row, the policy says " +
                  text(range.earliest) + " to " + text(range.latest));
    }
  }
};

}  // namespace

void add_attempt_checkers(Checkers& to) {
  to.push_back(std::make_unique<OneLiveAttempt>());
  to.push_back(std::make_unique<AttemptsAndLimit>());
  to.push_back(std::make_unique<Policies>());
  to.push_back(std::make_unique<FailuresCounted>());
  to.push_back(std::make_unique<StoppedIsStopped>());
  to.push_back(std::make_unique<BackoffIsAState>());
  to.push_back(std::make_unique<DelaysFollowThePolicy>());
}

}  // namespace engin::simulation
