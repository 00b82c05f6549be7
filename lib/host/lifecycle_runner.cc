#include "host/lifecycle_runner.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <string>
#include <utility>

#include "base/duration_text.h"
#include "engin/detail/access.h"
#include "engin/testing/virtual_runtime.h"

namespace engin::detail {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

// Calls the body that a Hook shares with its copies.
struct SharedBody final : Body {
  static void run_it(Body& self, const std::stop_token& token, RawEnd& end, PromiseBase*& frame) noexcept {
    Body& body = *static_cast<SharedBody&>(self).body;
    body.ops->run(body, token, end, frame);
  }
  static void destroy_it(Body* self) noexcept { delete static_cast<SharedBody*>(self); }
  static constexpr Ops plain{&run_it, &destroy_it, false, true};
  static constexpr Ops coroutine{&run_it, &destroy_it, true, true};

  explicit SharedBody(std::shared_ptr<Body> shared)
      : Body{shared->ops->coroutine ? &coroutine : &plain}, body(std::move(shared)) {}
  std::shared_ptr<Body> body;
};

Duration quarter_of(Duration d) { return d / 4; }

}  // namespace

LifecycleRunner::LifecycleRunner(Lifecycle& lifecycle, RuntimeRef runtime, Duration stopping)
    : lifecycle_(lifecycle),
      runtime_(runtime),
      stopping_(stopping),
      grace_(std::min<Duration>(seconds(1), quarter_of(stopping) / 4)) {}

TimePoint LifecycleRunner::now() const noexcept {
  return runtime_.world() != nullptr ? runtime_.world()->now() : TimePoint(Clock::now());
}

Supervisor& LifecycleRunner::supervisor() {
  const base::Lock lock(mutex_);
  if (supervisor_ == nullptr) {
    supervisor_ = std::make_unique<Supervisor>(SupervisorOptions{.name = "lifecycle",
                                                                 .runners = 1,
                                                                 .shutdown_timeout = grace_,
                                                                 .on_straggler = OnStraggler::Abandon,
                                                                 .default_observer = false,
                                                                 .runtime = runtime_});
    supervisor_->start();
  }
  return *supervisor_;
}

// ---- starting

std::optional<LifecycleHook> LifecycleRunner::next_to_start(std::size_t at) {
  const bool stop = interrupted();
  const std::lock_guard lock(lifecycle_.mutex_);
  if (!stop && at < lifecycle_.hooks_.size()) return lifecycle_.hooks_[at];
  lifecycle_.closed_ = true;
  return std::nullopt;
}

void LifecycleRunner::forget_hooks(Lifecycle& lifecycle) noexcept {
  std::vector<LifecycleHook> hooks;
  const std::lock_guard lock(lifecycle.mutex_);
  lifecycle.closed_ = true;
  hooks.swap(lifecycle.hooks_);  // destroyed without the lock
}

bool LifecycleRunner::start_all() {
  std::size_t at = 0;
  while (auto hook = next_to_start(at++)) {
    const Ended ended = hook->on_start ? run(hook->on_start, "on_start of " + hook->name, hook->timeout, true)
                                       : Ended{.in_time = true, .outcome = Outcome(Outcome::Completed)};
    if (ended.never_ran && interrupted()) return false;
    if (!ended.clean()) {
      note_failure(*hook, "on_start", ended);
      // Asked to stop meanwhile: what it throws then is how it ends, and no failed start.
      if (!interrupted()) throw_start_failure(*hook, ended);
      if (ended.in_time) failures_.pop_back();
      return false;
    }
    {
      const base::Lock lock(mutex_);
      started_.push_back(hook->name);
    }
    up_.push_back(*std::move(hook));
  }
  return !interrupted();
}

void LifecycleRunner::throw_start_failure(const LifecycleHook& hook, const Ended& ended) {
  const std::string who = "engin: on_start of lifecycle hook '" + hook.name + "' ";
  if (!ended.in_time) throw StartFailed(who + "did not return within " + base::duration_text(hook.timeout));
  const Failure& failure = *ended.outcome->failure();
  const StartFailed error(who + "failed: " + failure.describe());
  if (!failure.exception()) throw StartFailed(error);
  try {
    std::rethrow_exception(failure.exception());
  } catch (...) {
    std::throw_with_nested(error);
  }
}

void LifecycleRunner::interrupt() noexcept {
  const base::Lock lock(mutex_);
  if (!interrupted_) interrupted_ = now();
  running_.request_stop();  // posts; runs nothing here
}

bool LifecycleRunner::interrupted() const {
  const base::Lock lock(mutex_);
  return interrupted_.has_value();
}

// ---- stopping

void LifecycleRunner::stop_all(TimePoint deadline) {
  {
    const std::lock_guard lock(lifecycle_.mutex_);
    lifecycle_.closed_ = true;
  }
  std::erase_if(up_, [](const LifecycleHook& hook) { return !hook.on_stop; });
  if (up_.empty()) return;
  const Duration share = (quarter_of(stopping_) - grace_) / static_cast<int>(up_.size());
  for (; !up_.empty(); up_.pop_back()) {
    const LifecycleHook& hook = up_.back();
    const Duration of_others = share * static_cast<int>(up_.size() - 1);
    const Duration left = deadline - grace_ - now() - of_others;
    const Duration limit = std::min(hook.timeout, std::max(left, share));
    try {
      const Ended ended = run(hook.on_stop, "on_stop of " + hook.name, limit, false);
      if (!ended.clean()) note_failure(hook, "on_stop", ended);
    } catch (const std::exception& error) {  // no thread, no memory
      failures_.push_back({.hook = hook.name, .what = "on_stop", .failure = error.what()});
    }
  }
}

void LifecycleRunner::finish() {
  Supervisor* hooks = nullptr;
  {
    const base::Lock lock(mutex_);
    hooks = supervisor_.get();
  }
  if (hooks == nullptr) return;
  hooks->shutdown();
  for (const auto& [name, task] : late_) {
    if (!is_ended(task.state())) unfinished_.push_back(name);
  }
  if (!unfinished_.empty()) return;   // it stays, for its destructor would wait beyond the deadline
  std::unique_ptr<Supervisor> ended;  // destroyed with no lock held
  {
    const base::Lock lock(mutex_);
    ended.swap(supervisor_);
  }
}

// ---- one hook

LifecycleRunner::Ended LifecycleRunner::run(const Hook& hook, std::string name, Duration limit, bool interruptible) {
  Supervisor& hooks = supervisor();
  TaskHandle task;
  {
    // Under the lock, so that an interrupt finds either no hook, or this one.
    const base::Lock lock(mutex_);
    const std::string unique = name + " (" + std::to_string(++runs_) + ")";
    task = Access::supervise(hooks, BodyPtr(new SharedBody(hook.body())),
                             {.name = unique, .on_exception = OnException::Ignore});
    running_ = task;
    running_name_ = name;
    if (interruptible && interrupted_) task.request_stop();
  }
  Ended ended;
  ended.outcome = await(task, limit, interruptible);
  ended.in_time = ended.outcome.has_value();
  if (!ended.in_time) {
    task.request_stop();
    // A start that heeds its token is over before what was started earlier is taken down; a stop waits at the end.
    if (interruptible) ended.outcome = await(task, grace_, false);
    if (!ended.outcome) late_.emplace_back(name, task);
  }
  ended.never_ran = ended.outcome && task.snapshot().started == 0;
  const base::Lock lock(mutex_);
  running_ = TaskHandle();
  running_name_.clear();
  return ended;
}

// An interrupted start has as long as the tasks would have (the grace that follows it included), and no longer than its
// own timeout. Looked for now and then: nothing else can shorten a wait that has begun.
std::optional<Outcome> LifecycleRunner::await(const TaskHandle& task, Duration limit, bool interruptible) const {
  if (!interruptible) return task.wait_for(limit);
  TimePoint until = saturating_add(now(), limit);
  while (true) {
    const Duration left = until - now();
    auto outcome = task.wait_for(std::clamp<Duration>(left, Duration::zero(), milliseconds(100)));
    if (outcome || left <= Duration::zero()) return outcome;
    const base::Lock lock(mutex_);
    if (interrupted_)
      until = std::min(until, saturating_add(*interrupted_, stopping_ - quarter_of(stopping_) - grace_));
  }
}

void LifecycleRunner::note_failure(const LifecycleHook& hook, std::string_view what, const Ended& ended) {
  const Failure* failure = ended.outcome && ended.outcome->failure() ? &*ended.outcome->failure() : nullptr;
  failures_.push_back({.hook = hook.name,
                       .what = std::string(what),
                       .failure = failure != nullptr ? failure->describe() : "",
                       .timed_out = !ended.in_time});
}

std::string LifecycleRunner::current() const {
  const base::Lock lock(mutex_);
  return running_name_;
}

std::vector<std::string> LifecycleRunner::started() const {
  const base::Lock lock(mutex_);
  return started_;
}

void LifecycleRunner::check_may_wait(std::string_view what) const {
  const base::Lock lock(mutex_);
  if (supervisor_ != nullptr) Access::check_may_wait(*supervisor_, what);
}

}  // namespace engin::detail
