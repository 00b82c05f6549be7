#include "test/support/event_rules.h"

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>

namespace engin::test {

namespace {

enum class Phase { Unknown, Idle, Live, Pending, Ended };

/// What the log has told about one task so far.
struct Seen {
  Phase phase = Phase::Unknown;
  TimePoint last_time{};
  std::uint64_t attempt = 0;
  bool ready = false;
  std::optional<StopReason> stop_requested;  // of the current attempt
  bool hook_started = false;                 // since the task was last started
  bool hook_over = false;
  bool hook_timed_out = false;
  bool straggles = false;
  bool straggled = false;
  bool hook_straggles = false;
  std::optional<EventKind> must_follow;  // the very next event
  Duration announced{};
  TimePoint announced_at{};
  bool has_announcement = false;
  TimePoint ended_at{};
};

class Judge {
 public:
  Judge(const std::vector<Event>& log, const EventRules& rules) : log_(log), rules_(rules) {}

  std::vector<std::string> run() {
    for (const Event& e : log_) {
      at_ = &e;
      if (e.task == 0) {
        judge_own(e);
      } else {
        judge(e, tasks_[e.task]);
      }
    }
    at_ = nullptr;
    for (const auto& [id, task] : tasks_) {
      if (task.must_follow) say("task " + std::to_string(id) + " lacks " + std::string(to_string(*task.must_follow)));
    }
    if (wants_shutdown_ && began_ == 0) say("a decision for shutdown without one (S8)");
    if (ended_ != 0) {
      for (const auto& [id, task] : tasks_) {
        if (task.phase != Phase::Ended && task.phase != Phase::Idle && !task.straggled) {
          say("task " + std::to_string(id) + " did not end, and the shutdown did");
        }
      }
    }
    return std::move(found_);
  }

 private:
  void say(const std::string& what) {
    std::ostringstream text;
    text << what;
    if (at_ != nullptr) text << "; event " << (at_ - log_.data()) << ": " << *at_;
    found_.push_back(text.str());
  }
  void require(bool condition, const char* what) {
    if (!condition) say(what);
  }

  void judge_own(const Event& e) {
    if (e.kind == EventKind::ShutdownBegan) {
      require(++began_ == 1, "shutdown began twice (S8)");
      began_at_ = e.time;
    } else if (e.kind == EventKind::ShutdownEnded) {
      require(++ended_ == 1, "shutdown ended twice");
      require(began_ == 1, "shutdown ended before it began");
      const Duration took = e.time - began_at_;
      require(rules_.exact ? e.duration == took : e.duration <= took, "its duration is not that from begin to end");
    } else {
      require(e.kind == EventKind::RunnerAdded || e.kind == EventKind::Starvation, "an event of no task");
    }
  }

  void judge(const Event& e, Seen& t) {
    require(!e.task_name.empty(), "an event of a task without its name");
    require(e.time >= t.last_time, "time runs backwards (S9)");
    t.last_time = std::max(t.last_time, e.time);
    if (t.must_follow) {
      // Only what the same step of the task told may come between: nothing.
      if (e.kind != *t.must_follow) say("expected " + std::string(to_string(*t.must_follow)) + " (S9)");
      t.must_follow.reset();
    }
    if (e.kind == EventKind::Registered) {
      require(t.phase == Phase::Unknown, "registered twice");
      require(began_ == 0 || !rules_.exact, "registered after shutdown began (S7)");
      t.phase = Phase::Idle;
      return;
    }
    require(t.phase != Phase::Unknown, "the first event is not Registered");
    if (ended_ != 0 && !t.straggles && !t.hook_straggles && !rules_.deadline_came) {
      say("an event after the shutdown's end (S6)");
    }
    switch (e.kind) {
      case EventKind::AttemptStarted:
        return attempt_started(e, t);
      case EventKind::Ready:
        require(t.phase == Phase::Live && e.attempt == t.attempt && !t.ready, "ready, but not once in a live attempt");
        t.ready = true;
        return;
      case EventKind::Failed:
        require(e.failure.has_value(), "failed with nothing");
        if (e.decision == Decision::Shutdown) wants_shutdown_ = true;
        if (rules_.periodic.contains(e.task) && (e.decision == Decision::Restart || e.decision == Decision::Ignore)) {
          require(t.phase == Phase::Live, "a call failed, but no attempt is live");
          return;
        }
        return attempt_ended(e, t);
      case EventKind::Completed:
        if (e.decision == Decision::Shutdown) wants_shutdown_ = true;
        return attempt_ended(e, t);
      case EventKind::Stopped:
        return stopped(e, t);
      case EventKind::RestartScheduled:
        require(t.phase == Phase::Pending, "a restart that no decision asked for");
        require(began_ == 0 || !rules_.exact, "a restart scheduled after shutdown began (S5)");
        if (t.has_announcement) require(e.delay == t.announced, "the delay differs from the one decided (S8)");
        t.announced = e.delay;
        t.announced_at = e.time;
        return;
      case EventKind::GaveUp:
        require(t.phase == Phase::Ended, "gave up, but is not over");
        return;
      case EventKind::HookStarted:
        // Started again and stopped before an attempt began: no event tells of the former.
        if (rules_.by_hand && t.phase == Phase::Ended && t.hook_started) start_again(t);
        require(!t.hook_started, "a second hook in one start of the task (S3)");
        // It may have ended by itself after its stop began, before the hook had its turn.
        require(t.phase != Phase::Ended || t.ended_at == e.time || (began_ != 0 && t.ended_at >= began_at_),
                "a hook of a task that had ended (S3)");
        require(!t.stop_requested || *t.stop_requested == StopReason::Restart ||
                    *t.stop_requested == StopReason::Unresponsive,
                "the hook started after the request of stop that it precedes (S3)");
        t.hook_started = true;
        return;
      case EventKind::HookEnded:
        require(t.hook_started && !t.hook_over && !t.hook_timed_out, "a hook ended, but none was running");
        require(e.hook == HookResult::Returned || e.hook == HookResult::Failed, "a hook ended with no result");
        require(e.detail.empty() == (e.hook == HookResult::Returned),
                "what the hook threw is not told, or it threw nothing");
        t.hook_over = true;
        return;
      case EventKind::HookTimedOut:
        require(t.hook_started && !t.hook_over && !t.hook_timed_out, "a hook timed out, but none was running");
        require(e.hook == HookResult::TimedOut, "a hook timed out with another result");
        t.hook_timed_out = t.hook_straggles = true;
        return;
      case EventKind::StopRequested:
        require(t.phase == Phase::Live && e.attempt == t.attempt, "stop requested, but that attempt is not live");
        require(!t.stop_requested, "stop requested twice of one attempt (S4)");
        require(e.reason != StopReason::None, "a request of stop without a reason");
        if (e.reason == StopReason::Shutdown || e.reason == StopReason::Requested) hook_is_over(e, t);
        t.stop_requested = e.reason;
        return;
      case EventKind::Straggler:
        require(!t.straggles, "a straggler twice");
        require(t.stop_requested || rules_.deadline_came, "a straggler that was not asked to stop");
        t.straggles = t.straggled = true;
        return;
      case EventKind::StragglerEnded:
        if (e.detail == "hook") {
          require(t.hook_straggles, "a hook ended late, but none had timed out");
          t.hook_straggles = false;
        } else {
          require(t.straggles, "a straggler ended, but there was none");
          t.straggles = false;
        }
        return;
      case EventKind::Unresponsive:
        require(t.phase == Phase::Live, "unresponsive, but not live");
        return;
      case EventKind::StopIgnored:
        require(t.stop_requested || t.hook_timed_out, "ignores a stop that was not requested");
        return;
      default:
        say("an event of the supervisor with a task");
    }
  }

  void attempt_started(const Event& e, Seen& t) {
    require(t.phase != Phase::Live, "two attempts at once (S1)");
    require(e.attempt == t.attempt + 1, "attempts are not numbered one by one (S2)");
    require(began_ == 0 || !rules_.exact, "an attempt started after shutdown began (S5)");
    if (t.phase == Phase::Ended) {
      require(rules_.by_hand, "an attempt of a task that had ended (S5, S8)");
      start_again(t);
    }
    if (t.phase == Phase::Pending && !rules_.by_hand) {
      const TimePoint due = t.announced_at + t.announced;
      require(e.time >= due, "an attempt before its announced time (S8)");
      if (rules_.exact) require(e.time == due, "an attempt after its announced time (S8)");
    }
    t.phase = Phase::Live;
    t.attempt = e.attempt;
    t.ready = false;
    t.stop_requested.reset();
    t.has_announcement = false;
  }

  static void start_again(Seen& t) {
    t.hook_started = t.hook_over = t.hook_timed_out = false;
    t.phase = Phase::Pending;
  }

  void attempt_ended(const Event& e, Seen& t) {
    require(t.phase == Phase::Live && e.attempt == t.attempt, "an end, but that attempt is not live (S1)");
    const bool unresponsive = t.stop_requested == StopReason::Unresponsive;
    if (e.kind != EventKind::Stopped && !(unresponsive && e.kind == EventKind::Failed)) {
      require(!t.stop_requested, "not Stopped, though stop had been requested (S11)");
      require(!t.hook_started, "not Stopped, though its hook had started (S11)");
    }
    follows(e, t);
  }

  void stopped(const Event& e, Seen& t) {
    if (t.phase == Phase::Live) {
      require(t.stop_requested || t.hook_started, "Stopped, but nobody began to stop it (S11)");
      require(t.stop_requested != StopReason::Unresponsive, "Stopped as unresponsive is a failure (S11)");
      follows(e, t);
      return;
    }
    require(t.phase != Phase::Ended, "stopped after its end");
    if (t.phase != Phase::Idle) hook_is_over(e, t);
    t.phase = Phase::Ended;
    t.ended_at = e.time;
  }

  void follows(const Event& e, Seen& t) {
    t.stop_requested.reset();
    if (e.decision == Decision::Restart || e.decision == Decision::CoolDown) {
      t.phase = Phase::Pending;
      t.announced = e.delay;
      t.announced_at = e.time;
      t.has_announcement = true;
      t.must_follow = EventKind::RestartScheduled;
      return;
    }
    t.phase = Phase::Ended;
    t.ended_at = e.time;
    if (e.decision == Decision::GiveUp) t.must_follow = EventKind::GaveUp;
  }

  void hook_is_over(const Event& e, const Seen& t) {
    require(!t.hook_started || t.hook_over || t.hook_timed_out, "stop went on before the hook was over (S3)");
    if (rules_.hooked.contains(e.task) && !rules_.deadline_came) require(t.hook_started, "the hook was left out (S3)");
  }

  const std::vector<Event>& log_;
  const EventRules& rules_;
  const Event* at_ = nullptr;
  std::map<TaskId, Seen> tasks_;
  int began_ = 0;
  TimePoint began_at_{};
  int ended_ = 0;
  bool wants_shutdown_ = false;
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> violations(const std::vector<Event>& log, const EventRules& rules) {
  return Judge(log, rules).run();
}

std::vector<std::string> count_violations(const std::vector<Event>& log, const SupervisorSnapshot& totals,
                                          const EventRules& rules) {
  std::uint64_t started = 0, completed = 0, failed = 0, restarted = 0, registered = 0;
  for (const Event& e : log) {
    registered += e.kind == EventKind::Registered ? 1 : 0;
    started += e.kind == EventKind::AttemptStarted ? 1 : 0;
    restarted += e.kind == EventKind::AttemptStarted && e.attempt > 1 ? 1 : 0;
    completed += e.kind == EventKind::Completed ? 1 : 0;
    failed += e.kind == EventKind::Failed ? 1 : 0;
  }
  std::vector<std::string> found;
  const auto compare = [&](const char* what, std::uint64_t told, std::uint64_t counted) {
    if (told > counted || told + totals.undelivered_events < counted) {
      found.push_back(std::string(what) + ": events tell of " + std::to_string(told) + ", counted are " +
                      std::to_string(counted) + " (S9)");
    }
  };
  compare("tasks", registered, totals.total_tasks);
  compare("attempts", started, totals.total_started);
  compare("restarts", restarted, totals.total_restarted);
  compare("failures", failed, totals.total_failed);
  if (rules.periodic.empty()) compare("completed", completed, totals.total_completed);
  return found;
}

}  // namespace engin::test
