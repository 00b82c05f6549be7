#include "supervisor/core.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include <pthread.h>

#include "absl/strings/str_cat.h"
#include "base/processors.h"
#include "base/random.h"
#include "engin/testing/virtual_runtime.h"
#include "runtime/threaded_runtime.h"
#include "runtime/virtual_world.h"
#include "supervisor/context.h"
#include "supervisor/core_jobs.h"
#include "supervisor/default_observer.h"
#include "supervisor/failure_memory.h"
#include "supervisor/task.h"
#include "supervisor/validate.h"

namespace engin::detail {

namespace {

/// Counts the forks between the first process of this program and this one.
std::atomic<int> process_generation{0};

int current_process() noexcept {
  static const bool registered = [] {
    ::pthread_atfork(nullptr, nullptr, [] { process_generation.fetch_add(1); });
    return true;
  }();
  (void)registered;
  return process_generation.load();
}

SupervisorOptions checked(SupervisorOptions options) {
  if (const absl::Status status = options.validate(); !status.ok()) throw_invalid("", status);
  return options;
}

std::shared_ptr<runtime::Runtime> make_runtime(const SupervisorOptions& options) {
  if (options.runtime.world() != nullptr) return options.runtime.world()->shared_world();
  const int runners = options.runners.value_or(std::min(base::available_processors(), options.max_runners));
  return runtime::make_threaded_runtime({options.name, runners, options.max_runners, options.runner_stack_size});
}

}  // namespace

Core::Core(SupervisorOptions options)
    : options_(checked(std::move(options))),
      seed_(0),
      runtime_(make_runtime(options_)),
      process_(current_process()),
      observers_(options_.observers),
      enter_job_(*this, job_type<&Core::enter_shutdown>()),
      launch_job_(*this, job_type<&Core::launch_stops>()),
      next_job_(*this, job_type<&Core::stop_next>()),
      force_job_(*this, job_type<&Core::end_at_deadline>()),
      end_job_(*this, job_type<&Core::end_shutdown>()),
      deliver_job_(*this, job_type<&Core::run_deliver_job>()),
      grace_timer_(*this, &Core::fire<&Core::grace_over>),
      deadline_timer_(*this, &Core::fire<&Core::deadline_due>) {
  seed_ = options_.random_seed ? *options_.random_seed : runtime_->random_seed();
  if (options_.default_observer) observers_.push_back(make_default_observer());
  if (!observers_.empty()) {
    dropped_ = std::make_unique<std::atomic<bool>[]>(observers_.size());
    outbox_ = std::make_unique<Outbox>(*deliver_job_.type);
  }
}

Core::~Core() = default;

void Core::unref() noexcept {
  if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

bool Core::process_is_forked() const noexcept { return process_ != current_process(); }

void Core::check_process() const {
  if (process_is_forked()) {
    throw ForkedChild("engin: this is the child of a fork; the supervisor's threads are in the parent");
  }
}

void Core::check_may_wait(std::string_view what) const {
  const JobContext* job = current_job();
  if (job == nullptr || job->core != this) return;
  std::string text = absl::StrCat("engin: ", absl::string_view(what.data(), what.size()));
  if (job->task != nullptr) {
    absl::StrAppend(&text, " called in task '", job->task->name(), "' of the same supervisor would wait for itself");
  } else {
    absl::StrAppend(&text, " called in an observer or stop callback of the same supervisor would wait for itself");
  }
  throw WouldDeadlock(text);
}

TaskHandle Core::adopt(BodyPtr body, TaskOptions* options, const PeriodicSpec* periodic, std::source_location where) {
  check_process();
  const TaskOptions& given = options != nullptr ? *options : options_.defaults;
  // One without a name is known by its place.
  const auto who = [&] { return given.name.empty() ? place_text(where) : given.name; };
  if (const absl::Status status = validate(given, periodic); !status.ok()) throw_invalid(who(), status);
  if (body == nullptr) throw InvalidOptions(who(), "callable", "is empty");
  if (shutting_down()) throw SupervisorStopping("engin: supervise() after shutdown began");
  std::unique_ptr<TaskOptions> owned;
  if (options != nullptr) owned = std::make_unique<TaskOptions>(std::move(*options));
  const std::string name = owned ? owned->name : std::string();

  if (!name.empty()) {
    const base::Lock lock(mutex_);
    if (names_.contains(name)) throw DuplicateName(name);
  }
  // From here the callable belongs to the task, and goes with it if anything throws.
  struct Unref {
    void operator()(Task* t) const noexcept { t->unref(); }
  };
  std::unique_ptr<Task, Unref> task(new Task(*this, std::move(body), std::move(owned), periodic, where));
  bool start_now = false;
  {
    // Held until its registration is told: whoever finds it in the registry meanwhile waits.
    Section section(*task);
    base::Lock lock(mutex_);
    if (phase_.load() != Phase::Open) throw SupervisorStopping("engin: supervise() after shutdown began");
    if (!name.empty() && names_.contains(name)) throw DuplicateName(name);
    task->id_ = last_id_ + 1;
    const auto at = tasks_.emplace(task->id_, task.get()).first;
    if (!name.empty()) {
      try {
        names_.emplace(task->options().name, task.get());
      } catch (...) {
        tasks_.erase(at);
        throw;
      }
    }
    ++last_id_;
    ++active_;
    start_now = started_;
    lock.unlock();
    task->announce(section);
  }
  TaskHandle handle(task.get());
  Task* const adopted = task.release();  // the registry's reference
  if (start_now) adopted->start(runtime_->now());
  return handle;
}

void Core::start() {
  check_process();
  check_may_wait("start()");
  {
    const base::Lock lock(mutex_);
    if (started_) throw AlreadyStarted("engin: start() was called before");
    if (phase_.load() != Phase::Open) {  // nothing will run; wait() makes the report
      started_ = true;
      return;
    }
    started_ = true;  // claims the start; taken back if it fails
    threads_ = Threads::Starting;
  }
  try {
    runtime_->start(*this);
  } catch (...) {
    {
      const base::Lock lock(mutex_);
      started_ = false;
      threads_ = Threads::None;
    }
    runtime_->notify_waiters(this);
    throw;
  }
  bool shutdown_came = false;
  {
    const base::Lock lock(mutex_);
    threads_ = Threads::Up;
    shutdown_came = phase_.load() != Phase::Open;
  }
  if (shutdown_came) {
    enter_on_threads();
    return;
  }
  TaskId after = 0;
  Task* batch[64];
  Posts posts(*runtime_);
  while (const std::size_t n = next_tasks(after, false, batch, std::size(batch))) {
    const TimePoint now = runtime_->now();
    for (std::size_t i = 0; i < n; ++i) {
      after = batch[i]->id();
      batch[i]->start(now, &posts);
      batch[i]->unref();
    }
    posts.flush();
  }
}

bool Core::is_started() const noexcept {
  const base::Lock lock(mutex_);
  return started_;
}

bool Core::has_threads() const noexcept {
  const base::Lock lock(mutex_);
  return threads_ == Threads::Up;
}

std::size_t Core::next_tasks(TaskId from, bool backwards, Task** out, std::size_t max) noexcept {
  const base::Lock lock(mutex_);
  std::size_t n = 0;
  if (backwards) {
    auto it = tasks_.lower_bound(from);
    while (n < max && it != tasks_.begin()) out[n++] = (--it)->second;
  } else {
    for (auto it = tasks_.upper_bound(from); n < max && it != tasks_.end(); ++it) out[n++] = it->second;
  }
  // Each is in memory of its own, as a rule out of every cache: all are fetched at the same time.
  for (std::size_t i = 0; i < n; ++i) out[i]->prefetch();
  for (std::size_t i = 0; i < n; ++i) out[i]->ref();
  return n;
}

void Core::forget(Task& task) noexcept {
  {
    const base::Lock lock(mutex_);
    const auto it = tasks_.find(task.id());
    if (it == tasks_.end() || it->second != &task) return;
    tasks_.erase(it);
  }
  task.unref();
}

void Core::leave(Task& task, const TaskCounts& counts) noexcept {
  const base::Lock lock(mutex_);
  erase_name(task);
  removed_ += counts;
}

void Core::erase_name(Task& task) noexcept {
  if (!task.has_given_name()) return;
  const auto it = names_.find(task.options().name);
  if (it != names_.end() && it->second == &task) names_.erase(it);
}

void Core::task_ended(Task& task, const TaskEnd* end) noexcept { count_change(&task, -1, 0, end); }

void Core::had_ended(const TaskEnd& end) noexcept {
  const base::Lock lock(mutex_);
  end_totals_.add(end);
}

void Core::task_started_again() noexcept {
  const base::Lock lock(mutex_);
  ++active_;
}

void Core::task_straggles(Task& task, int change) noexcept { count_change(change > 0 ? &task : nullptr, 0, change); }

void Core::cleanup_begins() noexcept {
  const base::Lock lock(mutex_);
  ++cleanups_;
}

void Core::cleanup_ends() noexcept {
  {
    const base::Lock lock(mutex_);
    --cleanups_;
  }
  check_settled();
  tell_destructor();
}

/// It waits for user code that outlasted the shutdown; some of it may have ended.
void Core::tell_destructor() noexcept {
  if (ended()) runtime_->notify_waiters(this);
}

std::uint64_t Core::random(TaskId task, std::uint64_t n) const noexcept {
  return base::mix(base::mix(seed_ ^ base::mix(task)) ^ n);
}

void Core::deliver(const Event& event) noexcept {
  observers_running_.fetch_add(1);  // first, so that whoever mutes knows whether somebody is here
  if (muted_.load()) {
    observers_running_.fetch_sub(1);
    return;
  }
  JobContext* const outer = current_job();
  JobContext context{JobContext::Kind::Observer, this, outer != nullptr ? outer->task : nullptr, nullptr,
                     outer != nullptr ? outer->token : nullptr};
  const ContextScope scope(context);
  for (std::size_t i = 0; i < observers_.size(); ++i) {
    if (dropped_[i].load(std::memory_order_relaxed)) continue;
    try {
      observers_[i]->on_event(event);
    } catch (...) {
      (void)take_current_exception();
      count_undelivered(1);
      if (!dropped_[i].exchange(true)) {
        const std::string& name = options_.name;
        std::fprintf(stderr, "engin:%s%s an observer threw; it gets no more events\n", name.empty() ? "" : " ",
                     name.empty() ? "" : (name + ":").c_str());
      }
    }
  }
  observers_running_.fetch_sub(1);
  tell_destructor();
}

void Core::note(EventKind kind, absl::FunctionRef<void(Event&)> fill) noexcept {
  if (!outbox_) return;
  try {
    Event event;
    event.kind = kind;
    event.time = runtime_->now();
    event.supervisor = options_.name;
    fill(event);
    const base::Lock lock(mutex_);
    // Nothing is told after ShutdownEnded; and what came between that and the report would be an observer that runs on.
    if (report_stage_ != ReportStage::None && kind != EventKind::ShutdownEnded) return;
    outbox_->events.push_back(std::move(event));
    event_queued();
    if (outbox_->delivering || deliver_posted_ || threads_ != Threads::Up) return;
    deliver_posted_ = true;
  } catch (...) {
    count_undelivered(1);
    return;
  }
  post(deliver_job_, runtime::Lane::Control);
}

void Core::run_deliver_job() noexcept {
  {
    // Here only: whoever else delivers may do so while the job stands in its queue, where it can stand but once.
    const base::Lock lock(mutex_);
    deliver_posted_ = false;
  }
  deliver_own();
}

void Core::deliver_own() noexcept {
  if (!outbox_) return;
  std::uint64_t delivered = 0;
  std::vector<Event> batch;
  mutex_.lock();
  if (!outbox_->delivering) {
    outbox_->delivering = true;
    while (!outbox_->events.empty()) {
      batch.clear();
      batch.swap(outbox_->events);
      mutex_.unlock();
      for (const Event& event : batch) deliver(event);
      delivered += batch.size();
      mutex_.lock();
    }
    outbox_->delivering = false;
  }
  mutex_.unlock();
  events_delivered(delivered);
}

void Core::events_delivered(std::uint64_t n) noexcept {
  if (n == 0) return;
  if (pending_events_.fetch_sub(n) == n && shutting_down()) check_settled();
}

void Core::runner_added(int runners) noexcept {
  note(EventKind::RunnerAdded, [&](Event& e) { e.count = static_cast<std::uint64_t>(runners); });
}

void Core::starving(std::size_t ready, bool refused) noexcept {
  note(EventKind::Starvation, [&](Event& e) {
    e.count = ready;
    e.detail = refused ? "the system gives no more threads" : "max_runners is reached";
    if (const std::string who = holders(); !who.empty()) absl::StrAppend(&e.detail, "; held by ", who);
  });
}

const ShutdownReport* Core::wait(Duration d) {
  check_process();
  check_may_wait("wait()");
  {
    const base::Lock lock(mutex_);
    if (!started_ && phase_.load() == Phase::Open) throw NotStarted("engin: wait() before start()");
  }
  const TimePoint until = detail::saturating_add(runtime_->now(), d);
  for (;;) {
    if (ended()) return &report_;
    if (!shutting_down()) {
      if (!runtime_->wait(this, [this] { return shutting_down(); }, until)) return nullptr;
      continue;
    }
    const bool threads = bring_up_for_shutdown();
    // Whatever hangs, the report comes by the deadline: then this thread makes it itself.
    const TimePoint limit = detail::saturating_add(deadline(), std::chrono::milliseconds(10));
    // Without threads it also looks again for what there is to do.
    const TimePoint look = threads ? TimePoint::max() : runtime_->now() + std::chrono::milliseconds(1);
    if (runtime_->wait(this, [this] { return ended(); }, std::min({limit, until, look}))) continue;
    const TimePoint now = runtime_->now();
    if (now >= until && until < limit) return nullptr;
    if (now >= limit) {
      force_end();
      // Another thread builds the report, which takes no time; but before it publishes it an observer may hold it.
      if (!ended()) runtime_->wait(this, [this] { return ended(); }, runtime_->now() + std::chrono::milliseconds(1));
    }
  }
}

const ShutdownReport& Core::shutdown() {
  check_process();
  check_may_wait("shutdown()");
  if (begin_shutdown({})) runtime_->notify_waiters(this);
  return *wait(Duration::max());
}

bool Core::wait_all() {
  check_process();
  check_may_wait("wait_all()");
  {
    const base::Lock lock(mutex_);
    if (!started_ && phase_.load() == Phase::Open) throw NotStarted("engin: wait_all() before start()");
  }
  bool all = false;
  std::optional<std::uint64_t> before;  // a shutdown that follows at once does not undo that all had ended
  runtime_->wait(
      this,
      [&] {
        const base::Lock lock(mutex_);
        const bool open = phase_.load() == Phase::Open;
        all = (open && active_ == 0) || (before && *before != times_quiet_);
        before = times_quiet_;
        return all || !open;
      },
      TimePoint::max());
  return all;
}

std::optional<ShutdownCause> Core::shutdown_cause() const {
  check_process();
  if (!shutting_down()) return std::nullopt;
  const base::Lock lock(mutex_);
  return cause_;
}

void Core::for_each_task(const std::function<void(const TaskHandle&)>& f) {
  check_process();
  TaskId after = 0;
  Task* batch[64];
  while (const std::size_t n = next_tasks(after, false, batch, std::size(batch))) {
    after = batch[n - 1]->id();
    std::vector<TaskHandle> handles;
    handles.reserve(n);
    for (std::size_t i = 0; i < n; ++i) {
      if (!batch[i]->is_gone()) handles.push_back(TaskHandle(batch[i]));
    }
    for (std::size_t i = 0; i < n; ++i) batch[i]->unref();
    for (const TaskHandle& handle : handles) f(handle);
  }
}

std::optional<TaskHandle> Core::find(std::string_view name) {
  check_process();
  Task* found = nullptr;
  {
    const base::Lock lock(mutex_);
    if (const auto it = names_.find(name); it != names_.end()) {
      found = it->second;
    } else if (const auto hash = name.rfind('#'); hash != std::string_view::npos) {
      TaskId id = 0;
      const std::string_view digits = name.substr(hash + 1);
      if (absl::SimpleAtoi(absl::string_view(digits.data(), digits.size()), &id)) {
        if (const auto at = tasks_.find(id); at != tasks_.end() && at->second->name() == name) found = at->second;
      }
    }
    if (found == nullptr) return std::nullopt;
    found->ref();
  }
  std::optional<TaskHandle> handle;
  if (!found->is_gone()) handle = TaskHandle(found);
  found->unref();
  return handle;
}

SupervisorSnapshot Core::snapshot() {
  check_process();
  SupervisorSnapshot out;
  out.name = options_.name;
  out.taken = runtime_->now();
  TaskId after = 0;
  Task* batch[64];
  while (const std::size_t n = next_tasks(after, false, batch, std::size(batch))) {
    for (std::size_t i = 0; i < n; ++i) {
      after = batch[i]->id();
      TaskSnapshot task = batch[i]->describe();
      if (!batch[i]->is_gone()) out.tasks.push_back(std::move(task));  // else it is counted among those removed
      batch[i]->unref();
    }
  }
  for (const TaskSnapshot& task : out.tasks) {
    out.total_started += task.started;
    out.total_completed += task.completed;
    out.total_failed += task.failed;
    out.total_restarted += task.restarted;
  }
  const runtime::Stats stats = runtime_->stats();
  out.runners = stats.runners;
  out.max_runners = stats.max_runners;
  out.captured = stats.captured;
  out.ready = stats.ready;
  out.undelivered_events = undelivered_.load();
  if (stats.starving) name_the_starving(out);
  const base::Lock lock(mutex_);
  out.started = started_;
  out.stopping = phase_.load() == Phase::Stopping;
  out.ended = ended();
  out.total_tasks = last_id_;
  out.total_started += removed_.started;
  out.total_completed += removed_.completed;
  out.total_failed += removed_.failed;
  out.total_restarted += removed_.restarted;
  return out;
}

/// Who holds the runners: the first eight by name.
std::string Core::holders() {
  std::string who;
  std::size_t n = 0;
  TaskId after = 0;
  Task* batch[64];
  while (const std::size_t taken = next_tasks(after, false, batch, std::size(batch))) {
    for (std::size_t i = 0; i < taken; ++i) {
      after = batch[i]->id();
      if (batch[i]->state() == TaskState::Running && ++n <= 8)
        absl::StrAppend(&who, n > 1 ? ", " : "", batch[i]->name());
      batch[i]->unref();
    }
  }
  if (n > 8) absl::StrAppend(&who, " and ", n - 8, " more");
  return who;
}

void Core::name_the_starving(SupervisorSnapshot& out) {
  for (TaskSnapshot& task : out.tasks) {
    if (task.state == TaskState::Queued) out.waiting.push_back(task.name);
    if (task.state == TaskState::Running) out.holders.push_back(task.name);
  }
  const std::string who = holders();
  for (TaskSnapshot& task : out.tasks) {
    if (task.state == TaskState::Queued) task.waits_for = who;
  }
}

std::string Core::unfinished() {
  std::string names;
  TaskId after = 0;
  Task* batch[64];
  std::size_t listed = 0;
  while (const std::size_t n = next_tasks(after, false, batch, std::size(batch))) {
    for (std::size_t i = 0; i < n; ++i) {
      after = batch[i]->id();
      const TaskState state = batch[i]->state();
      if (!is_ended(state) && state != TaskState::Registered && listed < 20) {
        absl::StrAppend(&names, listed++ > 0 ? ", " : "", batch[i]->name());
      }
      batch[i]->unref();
    }
  }
  return names;
}

void Core::post(CoreJob& job, runtime::Lane lane) noexcept {
  ref();
  runtime_->post(job, lane);
}

void Core::arm(CoreTimer& timer, TimePoint due) noexcept {
  ref();
  runtime_->arm(timer, due, 0);
}

void Core::cancel(CoreTimer& timer) noexcept {
  if (runtime_->cancel(timer)) unref();
}

}  // namespace engin::detail
