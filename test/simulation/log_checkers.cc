// What must hold of a task's events.
#include <algorithm>
#include <string>
#include <utility>

#include "test/simulation/checker.h"

namespace engin::simulation {

namespace {

struct LogNote {
  bool registered = false;
  bool live = false;
  bool ready = false;
  bool hook = false;
  bool overdue_hook = false;  // timed out, and may yet be told to have ended
  bool straggler = false;
  bool stopping = false;             // stop was requested of this attempt
  bool stopped_in_shutdown = false;  // told; nothing starts it again
  bool scheduled_may_follow = false;
  std::uint64_t attempt = 0;
  TimePoint latest{};
};

/// A legal sequence, and all of it: the events told and those undelivered are as many as were counted.
class LegalSequence final : public TaskChecker<LogNote> {
 public:
  LegalSequence() : TaskChecker("S9") {}
  void see(const Record& r) override {
    if (r.what == What::EventLost) of(r).registered = true;
    if (r.what != What::Event) return;
    if (r.task < 0) {
      if (r.kind == EventKind::ShutdownEnded && !began_) fail(r, "shutdown ended before it began");
      if (r.kind == EventKind::ShutdownBegan) {
        began_ = true;
        began_at_ = r.time;
      }
      return;
    }
    LogNote& n = of(r);
    const auto wrong = [&](const char* why) { fail(r, std::string(engin::to_string(r.kind)) + " " + why); };
    // A restart without delay takes its time from the end before it, also when an observer came between them.
    const bool same_time = r.kind == EventKind::AttemptStarted && !scenario().observers.empty();
    if (r.time < n.latest && !same_time) wrong("is older than the event before it");
    n.latest = std::max(n.latest, r.time);
    if (r.kind != EventKind::Registered && !n.registered) wrong("before Registered");
    const bool scheduled_may_follow = std::exchange(n.scheduled_may_follow, false);
    const bool periodic = is_periodic(plan(r.task).kind);
    switch (r.kind) {
      case EventKind::Registered:
        if (std::exchange(n.registered, true)) wrong("twice");
        break;
      case EventKind::AttemptStarted:
        if (n.live) wrong("while an attempt is live");
        if (r.attempt != n.attempt + 1) wrong("out of order");
        n.live = true;
        n.ready = n.stopping = false;
        n.attempt = r.attempt;
        ++started_;
        break;
      case EventKind::Ready:
        if (!n.live || std::exchange(n.ready, true)) wrong("without a live attempt, or twice");
        break;
      case EventKind::Failed:
        ++failed_;
        if (!n.live) wrong("without a live attempt");
        n.live = periodic && !n.stopping && (r.decision == Decision::Restart || r.decision == Decision::Ignore);
        n.scheduled_may_follow =
            r.decision == Decision::Restart || r.decision == Decision::CoolDown || r.decision == Decision::GiveUp;
        break;
      case EventKind::Completed:
      case EventKind::Stopped:
        if (!n.live && r.kind == EventKind::Completed) wrong("without a live attempt");
        // By the events' own times: an observer may hear late of what was before the shutdown.
        if (r.kind == EventKind::Stopped && r.time > began_at_ && std::exchange(n.stopped_in_shutdown, true)) {
          wrong("twice");
        }
        n.live = false;
        n.scheduled_may_follow = r.decision == Decision::Restart;
        break;
      case EventKind::RestartScheduled:
      case EventKind::GaveUp:
        if (!scheduled_may_follow) wrong("without the end of an attempt right before it");
        n.live = false;
        break;
      case EventKind::HookStarted:
        if (std::exchange(n.hook, true)) wrong("while the hook runs");
        break;
      case EventKind::HookEnded:
        if (!std::exchange(n.hook, false)) wrong("without a hook");
        break;
      case EventKind::HookTimedOut:
        if (!std::exchange(n.hook, false)) wrong("without a hook");
        n.overdue_hook = true;
        break;
      case EventKind::StopRequested:
        n.stopping = true;
        [[fallthrough]];
      case EventKind::Unresponsive:
        if (!n.live) wrong("without a live attempt");
        break;
      case EventKind::Straggler:
        if (std::exchange(n.straggler, true)) wrong("twice");
        break;
      case EventKind::StragglerEnded:
        if (!std::exchange(r.value == 1 ? n.overdue_hook : n.straggler, false)) wrong("without a straggler");
        break;
      default:
        break;
    }
  }
  void finish(const Final& f) override {
    if (!f.complete_log || !f.has_totals) return;
    if (started_ != f.total_started) {
      fail(-1, {}, std::to_string(started_) + " starts told, " + std::to_string(f.total_started) + " counted");
    }
    if (failed_ != f.total_failed) {
      fail(-1, {}, std::to_string(failed_) + " failures told, " + std::to_string(f.total_failed) + " counted");
    }
  }

 protected:
  void reset() override {
    TaskChecker::reset();
    began_ = false;
    began_at_ = TimePoint::max();
    started_ = failed_ = 0;
  }

 private:
  TimePoint began_at_ = TimePoint::max();
  bool began_ = false;
  std::uint64_t started_ = 0, failed_ = 0;
};

}  // namespace

void add_log_checkers(Checkers& to) { to.push_back(std::make_unique<LegalSequence>()); }

Checkers make_checkers() {
  Checkers list;
  add_attempt_checkers(list);
  add_stop_checkers(list);
  add_log_checkers(list);
  return list;
}

}  // namespace engin::simulation
