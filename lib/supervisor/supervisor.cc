// The public face of the core: Supervisor, TaskHandle, ScopedTask.
#include "engin/supervisor.h"

#include <cstdio>
#include <cstdlib>
#include <optional>

#include "engin/detail/access.h"
#include "supervisor/context.h"
#include "supervisor/core.h"
#include "supervisor/dump.h"
#include "supervisor/task.h"

namespace engin {

using detail::Core;

Supervisor::Supervisor(SupervisorOptions options)
    : core_(new Core(std::move(options)), [](Core* core) { core->unref(); }) {}

Supervisor::~Supervisor() { core_->close(); }

TaskHandle Supervisor::adopt(detail::BodyPtr body, TaskOptions* options, const detail::PeriodicSpec* periodic,
                             detail::CallSite where) {
  return core_->adopt(std::move(body), options, periodic, where.where());
}

void Supervisor::start() { core_->start(); }

void Supervisor::request_shutdown(std::string_view reason) noexcept {
  ShutdownCause cause;
  try {
    cause.reason = reason;
  } catch (...) {  // no memory: a shutdown without its reason
  }
  detail::Access::request_shutdown(*this, std::move(cause));
}

const ShutdownReport& Supervisor::wait() { return *core_->wait(Duration::max()); }
const ShutdownReport* Supervisor::wait_within(Duration d) { return core_->wait(d); }
const ShutdownReport& Supervisor::shutdown() { return core_->shutdown(); }

int Supervisor::run() {
  core_->check_may_wait("run()");
  start();
  return wait().exit_code();
}

bool Supervisor::wait_all() { return core_->wait_all(); }
std::stop_token Supervisor::stop_token() const noexcept { return core_->stop_token(); }
std::optional<ShutdownCause> Supervisor::shutdown_cause() const { return core_->shutdown_cause(); }
SupervisorSnapshot Supervisor::snapshot() const { return core_->snapshot(); }
void Supervisor::for_each_task(const std::function<void(const TaskHandle&)>& f) const { core_->for_each_task(f); }
std::optional<TaskHandle> Supervisor::find(std::string_view name) const { return core_->find(name); }
void Supervisor::dump(std::ostream& out) const { write_dump(out, core_->snapshot()); }

namespace detail {

void Access::request_shutdown(Supervisor& supervisor, ShutdownCause cause) noexcept {
  Core& core = *supervisor.core_;
  core.begin_shutdown(std::move(cause));
  core.runtime().notify_waiters(&core);
}

std::string Access::unfinished(const Supervisor& supervisor) { return supervisor.core_->unfinished(); }

}  // namespace detail

namespace {

/// In the child of a fork: the task is in the parent, and so may be who holds its lock here.
bool is_elsewhere(const detail::Task& task) noexcept { return task.core().process_is_forked(); }

}  // namespace

TaskHandle::TaskHandle(detail::Task* task) noexcept : task_(task) { task_->add_handle(); }
TaskHandle::TaskHandle(const TaskHandle& other) noexcept : task_(other.task_) {
  if (task_ != nullptr) task_->add_handle();
}
TaskHandle::TaskHandle(TaskHandle&& other) noexcept : task_(std::exchange(other.task_, nullptr)) {}
TaskHandle& TaskHandle::operator=(TaskHandle other) noexcept {
  std::swap(task_, other.task_);
  return *this;
}
TaskHandle::~TaskHandle() {
  if (task_ != nullptr && !is_elsewhere(*task_)) task_->drop_handle();
}

TaskId TaskHandle::id() const noexcept { return task_ != nullptr ? task_->id() : 0; }
std::string TaskHandle::name() const { return task_ != nullptr ? task_->name() : std::string(); }
TaskState TaskHandle::state() const noexcept {
  return task_ != nullptr && !is_elsewhere(*task_) ? task_->state() : TaskState::Stopped;
}
TaskSnapshot TaskHandle::snapshot() const {
  if (task_ != nullptr) {
    task_->core().check_process();
    return task_->describe();
  }
  TaskSnapshot none;
  none.state = TaskState::Stopped;
  return none;
}

void TaskHandle::request_stop() const noexcept {
  if (task_ != nullptr && !is_elsewhere(*task_)) task_->request_stop();
}

namespace {

/// Waiting for it would never end: inside the task, or in the child of a fork.
void check_may_wait_for(const detail::Task& task, const char* what) {
  task.core().check_process();
  const detail::JobContext* job = detail::current_job();
  if (job == nullptr || job->task != &task) return;
  throw WouldDeadlock("engin: " + std::string(what) + " of task '" + task.name() +
                      "' called inside that task would wait "
                      "for itself");
}

/// Without a `timeout` no longer than until it straggles.
StopResult stop_and_wait(detail::Task* task, std::optional<Duration> timeout) {
  if (task == nullptr) return StopResult::AlreadyEnded;
  task->core().check_process();
  if (!is_ended(task->state())) check_may_wait_for(*task, "stop()");
  std::uint32_t ticket = 0;
  if (!task->request_stop(&ticket)) return StopResult::AlreadyEnded;
  auto& runtime = task->core().runtime();
  const TimePoint until = timeout ? detail::saturating_add(runtime.now(), *timeout) : TimePoint::max();
  runtime.wait(task, [&] { return task->stop_is_over(ticket) || (!timeout && task->ended_or_straggling()); }, until);
  return task->stop_is_over(ticket) ? StopResult::Stopped : StopResult::TimedOut;
}

}  // namespace

StopResult TaskHandle::stop_within(Duration timeout) const { return stop_and_wait(task_, timeout); }

StopResult TaskHandle::stop() const { return stop_and_wait(task_, std::nullopt); }

RestartResult TaskHandle::restart() const {
  if (task_ == nullptr) return RestartResult::Refused;
  task_->core().check_process();
  return task_->restart();
}

bool TaskHandle::remove() const {
  if (task_ == nullptr) return false;
  task_->core().check_process();
  return task_->remove();
}

void TaskHandle::remove_and_wait() const {
  if (!remove()) task_->settle_end();  // shutdown destroys it, or somebody else has removed it
  const detail::JobContext* job = detail::current_job();
  if (job != nullptr && job->task == task_) return;  // in a destructor of what it captured
  if (!task_->core().has_threads()) task_->dispose_here();
  task_->core().runtime().wait(task_, [this] { return !task_->is_being_disposed_of(); }, TimePoint::max());
}

bool TaskHandle::wait_ready_within(Duration timeout) const {
  if (task_ == nullptr) return false;
  check_may_wait_for(*task_, "wait_ready()");
  auto& runtime = task_->core().runtime();
  runtime.wait(
      task_, [this] { return task_->is_ready() || is_ended(task_->state()); },
      detail::saturating_add(runtime.now(), timeout));
  return task_->is_ready();
}

Outcome TaskHandle::wait() const { return *wait_within(Duration::max()); }

std::optional<Outcome> TaskHandle::wait_within(Duration timeout) const {
  if (task_ == nullptr) return Outcome(Outcome::Stopped);
  task_->core().check_process();
  if (auto outcome = task_->outcome()) return outcome;
  check_may_wait_for(*task_, "wait()");
  auto& runtime = task_->core().runtime();
  std::optional<Outcome> outcome;
  runtime.wait(
      task_,
      [&] {
        outcome = task_->outcome();
        return outcome.has_value();
      },
      detail::saturating_add(runtime.now(), timeout));
  return outcome;
}

ScopedTask& ScopedTask::operator=(ScopedTask&& other) noexcept {
  if (this != &other) {
    end();
    handle_ = std::exchange(other.handle_, TaskHandle());
  }
  return *this;
}

ScopedTask::~ScopedTask() { end(); }

void ScopedTask::end() noexcept {
  if (!handle_) return;
  try {
    handle_.stop(Duration::max());
  } catch (const ForkedChild&) {  // the task is the parent's
    handle_ = TaskHandle();
    return;
  } catch (const WouldDeadlock& e) {
    std::fprintf(stderr, "%s: its ScopedTask is destroyed in it\n", e.what());
    std::abort();
  }
  handle_.remove_and_wait();
  handle_ = TaskHandle();
}

}  // namespace engin
