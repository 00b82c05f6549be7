#include "supervisor/task.h"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "supervisor/context.h"
#include "supervisor/core.h"

namespace engin::detail {

using runtime::Job;
using runtime::JobType;
using runtime::Timer;

// How long each kind of job may run before its runner counts as held.
constexpr Duration PlainTime = std::chrono::microseconds(200);
constexpr Duration StepTime = std::chrono::milliseconds(1);

const JobType Task::plain_job{&Task::run_body, PlainTime, true};
const JobType Task::blocking_job{&Task::run_body, Duration::zero(), true};
const JobType Task::step_job{&Task::run_body, StepTime};
const JobType Task::hook_job{&Task::run_hook, PlainTime, true, true};
const JobType Task::expire_job{&Task::expire_hook, PlainTime, false, true};
const JobType Task::stop_job{&Task::run_stop_job, PlainTime, false, true};
const JobType Task::outbox_job{&Task::run_outbox, PlainTime};

// Jobs and timers are members of what they belong to, and say nothing else about it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof"

namespace {

template <class Owner, class Part>
Owner& owner_of(Part& part, std::size_t offset) noexcept {
  return *reinterpret_cast<Owner*>(reinterpret_cast<char*>(&part) - offset);
}

}  // namespace

Strand& Strand::of(Job& part) noexcept { return owner_of<Strand>(part, offsetof(Strand, job)); }
Strand& Strand::of(Timer& part) noexcept { return owner_of<Strand>(part, offsetof(Strand, timer)); }
HookRun& HookRun::of(Job& part) noexcept { return owner_of<HookRun>(part, offsetof(HookRun, expire_job)); }
Task& Task::of_stop_job(Job& part) noexcept { return owner_of<Task>(part, offsetof(Task, stop_job_)); }

#pragma GCC diagnostic pop

namespace {

const JobType& body_job(const Body& body, const TaskOptions& options, bool periodic) noexcept {
  if (options.blocking) return Task::blocking_job;
  return body.ops->coroutine || periodic ? Task::step_job : Task::plain_job;
}

}  // namespace

std::string place_text(const std::source_location& where) {
  const std::string_view path = where.file_name();
  std::string text(path.substr(path.find_last_of('/') + 1));  // all of it if there is none
  absl::StrAppend(&text, ":", where.line());
  return text;
}

HookRun::HookRun(Task& task, Hook h)
    : hook(std::move(h)),
      strand(task, Task::hook_job, &Task::strand_due),
      expire_job(Task::expire_job),
      token(source.get_token()) {}

Task::Task(Core& core, BodyPtr body, std::unique_ptr<TaskOptions> options, const PeriodicSpec* periodic,
           std::source_location where)
    : core_(core),
      body_(std::move(body)),
      owned_options_(std::move(options)),
      options_(owned_options_ ? owned_options_.get() : &core.options().defaults),
      where_(where),
      strand_(*this, body_job(*body_, *options_, periodic != nullptr), &strand_due),
      stop_job_(stop_job),
      takes_token_(body_->ops->takes_token),
      since_(core.runtime().now()) {
  if (periodic != nullptr) {
    series_ = std::make_unique<Series>();
    series_->spec = *periodic;
  }
  if (options_->shutdown_hook) hook_ = std::make_unique<HookRun>(*this, options_->shutdown_hook);
  if (options_->heartbeat_timeout > Duration::zero()) heartbeat_ = std::make_unique<Heartbeat>();
  if (options_->restart_limit.max_restarts) window_ = std::make_unique<policy::RestartWindow>();
  if (core.observed()) outbox_ = std::make_unique<Outbox>(outbox_job, this);
  core_.ref();
}

Task::~Task() = default;

void Task::unref() noexcept {
  if (refs_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  Core& core = core_;
  delete this;
  core.unref();
}

void Task::prefetch() const noexcept {
  constexpr std::size_t Line = 64;
  for (std::size_t at = 0; at < sizeof(Task); at += Line) __builtin_prefetch(reinterpret_cast<const char*>(this) + at);
}

void Task::unref_later(Section& section) noexcept { section.unref(); }

void Task::add_handle() noexcept {
  if (handles_.fetch_add(1) == 0) ref();  // one for all handles together
}

void Task::drop_handle() noexcept {
  if (handles_.fetch_sub(1) != 1) return;
  settle_end();
  unref();
}

std::string Task::name() const {
  if (has_given_name()) return owned_options_->name;
  return absl::StrCat(place_text(where_), "#", id_);
}

void Task::move_to(TaskEvent event, TimePoint now, Section& section) {
  const std::optional<TaskState> next = next_state(state_, event);
  if (!next) {
    const std::string_view state = to_string(state_), what = to_string(event);
    std::fprintf(stderr, "engin: internal error: task %llu: %.*s while %.*s\n", static_cast<unsigned long long>(id_),
                 static_cast<int>(what.size()), what.data(), static_cast<int>(state.size()), state.data());
    std::abort();
  }
  state_ = *next;
  since_ = now;
  if (is_ended(state_)) {
    section.ended();
    section.wake_waiters();
  }
}

void Task::put(Section& /*section*/, EventKind kind, TimePoint now, Fill fill) {
  if (core_.muted()) return;
  try {
    Event event;
    event.kind = kind;
    // The clock is read before the lock is taken, so that another thread's later reading may have come first.
    event.time = outbox_->last_time = std::max(now, outbox_->last_time);
    event.task = id_;
    event.task_name = name();
    event.attempt = attempt_;
    event.supervisor = core_.options().name;
    fill(event);
    outbox_->events.push_back(std::move(event));
    core_.event_queued();
  } catch (...) {
    core_.count_undelivered(1);  // no memory for it
  }
}

void Task::deliver() noexcept {
  if (!outbox_) return;
  mutex.lock();
  if (outbox_->delivering) {  // whoever does takes these along
    mutex.unlock();
    return;
  }
  outbox_->delivering = true;
  std::uint64_t delivered = 0;
  std::vector<Event> batch;
  while (!outbox_->events.empty()) {
    batch.clear();
    batch.swap(outbox_->events);
    mutex.unlock();
    for (const Event& event : batch) core_.deliver(event);
    delivered += batch.size();
    mutex.lock();
  }
  outbox_->delivering = false;
  const bool held_back = std::exchange(held_back_, false);
  mutex.unlock();
  if (held_back) core_.runtime().post(strand_.job, runtime::Lane::Ready);
  core_.events_delivered(delivered);
}

void Task::run_outbox(Job& job) noexcept {
  Task& task = *owner_of<Outbox>(job, offsetof(Outbox, job)).task;
  {
    const base::Lock lock(task.mutex);
    task.outbox_->posted = false;
  }
  task.deliver();
  task.unref();
}

Section::~Section() {
  Task& task = task_;
  Core& core = task.core_;
  if (ended_) task.settle_end(*this);
  std::optional<TaskEnd> end;
  if ((ended_ || had_ended_) && task.claim_count()) end = task.end_now();
  bool post_outbox = false;
  if (task.outbox_ && !deliver_here_ && !task.outbox_->events.empty() && !task.outbox_->delivering &&
      !task.outbox_->posted) {
    task.outbox_->posted = post_outbox = true;
    task.ref();
  }
  task.mutex.unlock();
  for (int i = 0; i < count_; ++i) {
    const auto [job, lane] = posts_[i];
    const bool later = together_ != nullptr && (lane == runtime::Lane::Ready || lane == runtime::Lane::Fresh);
    later ? together_->add(*job, lane) : core.runtime().post(*job, lane);
  }
  if (post_outbox) core.runtime().post(task.outbox_->job, runtime::Lane::Control);
  if (old_exception) old_exception = nullptr;
  if (unkept_exception) [[unlikely]]
    unkept_exception = nullptr;
  if (forget_) core.forget(task);
  if (dispose_) task.dispose();
  if (ended_) core.task_ended(task, end ? &*end : nullptr);
  if (had_ended_ && end) core.had_ended(*end);
  if (wake_) {
    core.runtime().notify_waiters(&task);
    core.tell_destructor();
  }
  if (wake_core_) core.runtime().notify_waiters(&core);
  for (int i = 0; i < unrefs_; ++i) task.unref();
}

}  // namespace engin::detail
