// The stop protocol across tasks: once begun, every task is taken down and the report comes by one absolute deadline.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <new>
#include <sstream>
#include <utility>

#include "supervisor/core.h"
#include "supervisor/core_jobs.h"
#include "supervisor/failure_memory.h"
#include "supervisor/report_text.h"
#include "supervisor/task.h"

namespace engin::detail {

using runtime::Lane;

namespace {

constexpr Duration CallbackGrace = std::chrono::seconds(1);
constexpr Duration NamingInterval = std::chrono::seconds(5);
constexpr std::size_t MaxEntries = 1000;
// How many are told to stop between two looks at the clock, and posted together: some microseconds.
constexpr std::size_t ToldAtATime = 32;

/// Calls `f` for one task after the other, holding a reference and no lock, as long as it returns true.
template <class F>
void for_each(Core& core, F f) {
  TaskId after = 0;
  Task* batch[64];
  bool go_on = true;
  while (go_on) {
    const std::size_t n = core.next_tasks(after, false, batch, std::size(batch));
    if (n == 0) return;
    for (std::size_t i = 0; i < n; ++i) {
      after = batch[i]->id();
      go_on = go_on && f(*batch[i]);
      batch[i]->unref();
    }
  }
}

}  // namespace

bool Core::begin_shutdown(ShutdownCause cause) noexcept {
  if (process_is_forked() || shutting_down()) return false;
  Event event;
  bool told = false;
  if (outbox_) {
    try {
      event.kind = EventKind::ShutdownBegan;
      event.supervisor = options_.name;
      event.detail = cause.describe();
      event.failure = cause.failure;
      told = true;
    } catch (...) {  // no memory: counted below
    }
  }
  bool up = false;
  {
    const base::Lock lock(mutex_);
    if (phase_.load() != Phase::Open) return false;
    began_ = runtime_->now();
    if (outbox_) {
      // Here, so that nothing overtakes it; told by enter_shutdown().
      try {
        if (!told) throw std::bad_alloc();
        event.time = began_;
        outbox_->events.push_back(std::move(event));
        event_queued();
      } catch (...) {
        count_undelivered(1);
      }
    }
    deadline_.store(detail::saturating_add(began_, options_.shutdown_timeout).time_since_epoch().count());
    cause_ = std::move(cause);
    phase_.store(Phase::Stopping);  // the one moment that decides the order of everything
    up = threads_ == Threads::Up;
  }
  if (up) enter_on_threads();
  return true;
}

/// Once: by whoever finds, under the lock, both that shutdown has begun and that the threads are up.
void Core::enter_on_threads() noexcept {
  arm(deadline_timer_, deadline());
  const TimePoint now = runtime_->now();
  arm(grace_timer_, now + std::min(CallbackGrace, std::max(Duration::zero(), (deadline() - now) / 4)));
  post(enter_job_, Lane::Control);
}

/// A supervisor that was never started gets its threads now, so that what hangs while it is taken down (an observer, a
/// stop callback, a destructor) holds one of those, and the deadline holds for the caller. If the system has none, the
/// caller does it all. True: threads are at it.
bool Core::bring_up_for_shutdown() noexcept {
  bool mine = false;
  {
    const base::Lock lock(mutex_);
    if (threads_ == Threads::Up) return true;
    if (threads_ == Threads::None) {
      threads_ = Threads::Starting;
      mine = true;
    }
  }
  if (mine) {
    bool up = true;
    try {
      runtime_->start(*this);
    } catch (...) {  // no thread to be had, or no memory
      up = false;
    }
    {
      const base::Lock lock(mutex_);
      threads_ = up ? Threads::Up : Threads::Refused;
    }
    runtime_->notify_waiters(this);
    if (up) {
      enter_on_threads();
      return true;
    }
  }
  Threads threads{};
  runtime_->wait(
      this,
      [&] {
        const base::Lock lock(mutex_);
        threads = threads_;
        return threads != Threads::Starting;
      },
      TimePoint::max());
  if (threads == Threads::Refused) {
    if (!entered_.exchange(true)) post(enter_job_, Lane::Control);
    runtime_->run_inline();
  }
  return threads == Threads::Up;
}

void Core::enter_shutdown() noexcept {
  runtime_->notify_waiters(this);
  deliver_own();
  firing_token_.store(true);
  stop_source_.request_stop();
  firing_token_.store(false);
  tell_destructor();
  cancel(grace_timer_);
  launch_stops();
}

void Core::grace_over() noexcept { post(launch_job_, Lane::Stop); }

void Core::launch_stops() noexcept {
  if (launched_.exchange(true)) return;
  if (options_.stop_order == StopOrder::Reverse) {
    {
      const base::Lock lock(mutex_);
      reverse_before_ = last_id_ + 1;
    }
    stop_next();
    return;
  }
  {
    Posts posts(*runtime_);
    TimePoint now{};
    std::size_t n = 0;
    for_each(*this, [&](Task& task) {
      if (n++ % ToldAtATime == 0) {
        posts.flush();
        now = runtime_->now();
      }
      task.shut_down(now, deadline(), &posts);
      return true;
    });
  }
  {
    const base::Lock lock(mutex_);
    all_launched_ = true;
  }
  check_settled();
}

/// StopOrder::Reverse: takes down one task; when it has settled, the next.
void Core::stop_next() noexcept {
  for (;;) {
    TaskId before = 0;
    std::uint64_t remaining = 0;
    {
      const base::Lock lock(mutex_);
      before = reverse_before_;
      remaining = std::max<std::uint64_t>(1, active_ - straggling_);
    }
    Task* task = nullptr;
    if (next_tasks(before, true, &task, 1) == 0) break;
    const TaskId id = task->id();
    {
      const base::Lock lock(mutex_);
      reverse_before_ = id;
    }
    // An equal share of what is left: time that one does not use passes on to those after it.
    const TimePoint now = runtime_->now();
    const Duration left = std::max(Duration::zero(), deadline() - now);
    task->shut_down(now, now + left / static_cast<Duration::rep>(remaining));
    {
      const base::Lock lock(mutex_);
      reverse_current_ = id;  // not before: it may have straggled until its stop began
    }
    const bool settled_already = task->ended_or_straggling();
    task->unref();
    const base::Lock lock(mutex_);
    if (!settled_already || reverse_current_ != id) return;  // count_change() goes on, or has gone on
    reverse_current_ = 0;
  }
  {
    const base::Lock lock(mutex_);
    all_launched_ = true;
  }
  check_settled();
}

/// A task has ended, as `ended` says, or straggles, or does so no more. `settled`: shutdown waits for that one no
/// longer.
void Core::count_change(Task* settled, int active, int straggling, const TaskEnd* ended) noexcept {
  bool next = false;
  bool end = false;
  bool quiet = false;
  {
    const base::Lock lock(mutex_);
    active_ += static_cast<std::uint64_t>(static_cast<std::int64_t>(active));
    quiet = active < 0 && active_ == 0 && phase_.load() == Phase::Open;
    if (quiet) ++times_quiet_;
    straggling_ += static_cast<std::uint64_t>(static_cast<std::int64_t>(straggling));
    if (ended != nullptr) end_totals_.add(*ended);
    if (settled != nullptr && reverse_current_ == settled->id()) {
      reverse_current_ = 0;
      next = true;
    }
    end = claim_end();
  }
  if (next) post(next_job_, Lane::Stop);
  if (end) post(end_job_, Lane::Control);
  if (quiet) runtime_->notify_waiters(this);  // wait_all()
}

/// True, once: every task has been told to stop, and nothing is left to wait for.
bool Core::claim_end() noexcept {
  if (!all_launched_ || phase_.load() != Phase::Stopping || active_ != straggling_ || cleanups_ != 0 ||
      pending_events_.load() != 0 || end_posted_) {
    return false;
  }
  end_posted_ = true;
  return true;
}

void Core::check_settled() noexcept { count_change(nullptr, 0, 0); }

void Core::deadline_due() noexcept { post(force_job_, Lane::Stop); }

void Core::note_end() noexcept {
  note(EventKind::ShutdownEnded, [&](Event& e) {
    e.duration = report_.duration;
    e.detail = what_was_not_clean(report_);
  });
}

void Core::end_shutdown() noexcept {
  bool built = false;
  {
    const base::Lock lock(mutex_);
    built = report_stage_ == ReportStage::Built;
    if (report_stage_ == ReportStage::None && (pending_events_.load() != 0 || cleanups_ != 0)) {
      // A straggler has ended since this was posted. Who delivers the last of its events posts it again.
      end_posted_ = false;
      return;
    }
    if (report_stage_ == ReportStage::None) {
      report_stage_ = ReportStage::Building;
    } else if (!built) {
      return;
    }
  }
  if (built) {  // at the deadline, and all that it told before this was posted has been heard
    deliver_own();
    publish_unobserved();
    return;
  }
  build_report();
  note_end();
  {
    const base::Lock lock(mutex_);
    report_stage_ = ReportStage::Built;
  }
  deliver_own();
  publish_unobserved();  // a straggler may have ended while the report was built
}

/// The deadline came: whatever hangs, the report is made. False: somebody else makes it, or has made it.
bool Core::force_report() noexcept {
  {
    const base::Lock lock(mutex_);
    if (report_stage_ != ReportStage::None) return false;
    report_stage_ = ReportStage::Building;
  }
  launched_.store(true);  // nobody need be told any more
  for_each(*this, [](Task& task) {
    task.give_up_at_deadline();
    return true;
  });
  build_report();
  note_end();
  const base::Lock lock(mutex_);
  report_stage_ = ReportStage::Built;
  return true;
}

/// On a runner, at the deadline. The control runner publishes when the observers have heard of those who hang. If one
/// of them keeps it, whoever waits does (force_end).
void Core::end_at_deadline() noexcept {
  if (!force_report()) return;
  bool passed = false;  // or is about to: it may have found no report yet
  {
    const base::Lock lock(mutex_);
    passed = std::exchange(end_posted_, true);
  }
  if (passed) {
    deliver_own();
    publish_unobserved();
  } else {
    post(end_job_, Lane::Control);
  }
}

/// On a thread that waits, a little after the deadline: without any user code.
void Core::force_end() noexcept {
  force_report();
  {
    const base::Lock lock(mutex_);
    if (report_stage_ != ReportStage::Built) return;
  }
  publish_unobserved();
}

/// Publishes a report that was built, although events may not have been delivered. An observer that runs now is named;
/// also one that is yet to be called if the report would be clean, for after a clean one no observer is called.
void Core::publish_unobserved() noexcept {
  {
    const base::Lock lock(mutex_);
    const bool late = observers_running_.load() != 0 || (pending_events_.load() != 0 && report_.clean());
    if (report_stage_ == ReportStage::Built && late) add_observer_straggler();
  }
  publish();
}

void Core::publish() noexcept {
  {
    const base::Lock lock(mutex_);
    if (report_stage_ == ReportStage::Published) return;
    report_stage_ = ReportStage::Published;
    report_.undelivered_events = undelivered_.load() + pending_events_.load();
    phase_.store(Phase::Ended);
  }
  cancel(grace_timer_);
  cancel(deadline_timer_);
  runtime_->notify_waiters(this);
}

void Core::add_observer_straggler() {
  try {
    report_.stragglers.push_back({0, "observer", "observer", runtime_->now() - began_});
  } catch (...) {  // no memory
  }
}

void Core::add_late_failure(const FailureMemory& failures) noexcept {
  const base::Lock lock(mutex_);
  ++late_count_;
  if (late_.size() >= MaxEntries) return;
  try {
    late_.push_back(failures.latest());
  } catch (...) {  // no memory: it is counted
  }
}

void Core::build_report() noexcept {
  ShutdownReport report;
  EndTotals totals;
  bool complete = false;
  {
    const base::Lock lock(mutex_);
    totals = end_totals_;
    complete = cleanups_ == 0 && totals.tasks == tasks_.size() && totals.clean == totals.tasks;
  }
  // As a rule each task was counted when it ended, and ended cleanly: then only the entries are missing.
  if (!complete) totals = {};
  std::vector<ShutdownTask> clean;
  for_each(*this, [&](Task& task) {
    TaskEnd end;
    std::optional<ShutdownTask> entry;
    try {
      task.look_at_end(end, entry, report.stragglers, clean.size() < MaxEntries, report.tasks.size() < MaxEntries);
      if (entry) (end.clean ? clean : report.tasks).push_back(std::move(*entry));
    } catch (...) {  // no memory: it is counted, and has no entry
    }
    if (!complete && !end.gone) totals.add(end);
    return !complete || clean.size() < MaxEntries;
  });
  try {
    for (ShutdownTask& entry : clean) {
      if (report.tasks.size() >= MaxEntries) break;
      report.tasks.push_back(std::move(entry));
    }
    if (firing_token_.load()) report.stragglers.push_back({0, "stop callback", "stop callback", {}});
  } catch (...) {
  }
  report.tasks_total = totals.tasks;
  report.tasks_completed = totals.completed;
  report.tasks_failed = totals.failed;
  report.tasks_stopped = totals.stopped;
  report.bad_hooks = totals.bad_hooks;
  const base::Lock lock(mutex_);
  totals.counts += removed_;
  report.total_started = totals.counts.started;
  report.total_completed = totals.counts.completed;
  report.total_failed = totals.counts.failed;
  report.total_restarted = totals.counts.restarted;
  report.late_failures = late_count_;
  report.duration = runtime_->now() - began_;
  try {
    report.cause = cause_;
    report.secondary = late_;
  } catch (...) {
  }
  report_ = std::move(report);
}

bool Core::user_code_runs() noexcept {
  if (observers_running_.load() != 0 || firing_token_.load()) return true;
  bool runs = false;
  for_each(*this, [&](Task& task) {
    runs = task.runs_user_code();
    return !runs;
  });
  return runs;
}

void Core::wait_for_stragglers() {
  while (user_code_runs()) {
    if (runtime_->wait(this, [this] { return !user_code_runs(); }, runtime_->now() + NamingInterval)) return;
    const std::string names = unfinished();
    const std::string& name = options_.name;
    std::fprintf(stderr, "engin:%s%s the supervisor's destructor waits for user code that did not end: %s\n",
                 name.empty() ? "" : " ", name.empty() ? "" : (name + ":").c_str(),
                 names.empty() ? "a hook, an observer or a destructor" : names.c_str());
  }
}

void Core::close() {
  if (process_is_forked()) return;  // the threads are in the parent; what they hold stays as it is
  begin_shutdown({});
  runtime_->notify_waiters(this);
  check_may_wait("~Supervisor()");
  wait(Duration::max());
  if (user_code_runs()) {
    switch (options_.on_straggler) {
      case OnStraggler::Wait:
        wait_for_stragglers();
        break;
      case OnStraggler::Exit: {
        std::ostringstream text;
        text << report_;
        std::fprintf(stderr, "%s\n", text.str().c_str());
        std::_Exit(report_.exit_code());
      }
      case OnStraggler::Abandon:
        // Runners and timers stay, so that what was left behind can end; then they go, with nobody waiting for it.
        muted_.store(true);
        ref();
        runtime_->stop_later(
            this, [this] { return !user_code_runs(); },
            [this] {
              forget_all();
              release_options();
              unref();
            });
        return;
    }
  }
  muted_.store(true);
  runtime_->stop();
  forget_all();
  release_options();
}

/// What the options hold of the user's goes with the Supervisor, though a handle may keep this. Nobody calls it any
/// more, but for a thread that was left behind on its way to an observer.
void Core::release_options() noexcept {
  if (observers_running_.load() != 0) return;
  observers_.clear();
  options_.observers.clear();
  options_.defaults.retry_if = nullptr;
  options_.defaults.shutdown_hook = Hook();
}

/// What is left of a straggler stays alive by its own references.
void Core::forget_all() noexcept {
  TaskId after = 0;
  Task* task = nullptr;
  while (next_tasks(after, false, &task, 1) != 0) {
    after = task->id();
    forget(*task);
    task->unref();
  }
}

}  // namespace engin::detail
