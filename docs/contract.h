// The public surface, name by name: what other code compiles against. Written from the design (section 3), not from the
// headers, and compiled and linked by test/layout/contract_test.cc. A change that breaks a line here breaks users.
//
// Nothing below is called; "used" makes it be linked. Expressions stand for signatures; a comment says what each means.
#ifndef ENGIN_DOCS_CONTRACT_H_
#define ENGIN_DOCS_CONTRACT_H_

#include <engin/engin.h>
#include <engin/supervisor.h>
#include <engin/testing/recorder.h>
#include <engin/testing/virtual_runtime.h>

#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <source_location>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace engin_contract {

using namespace std::chrono_literals;

template <class T, class U>
concept Is = std::same_as<T, U>;

// --- Times are std::chrono, monotonic.
static_assert(std::is_same_v<engin::Clock, std::chrono::steady_clock>);
static_assert(std::is_convertible_v<std::chrono::hours, engin::Duration>);
static_assert(std::is_same_v<engin::TimePoint::clock, std::chrono::steady_clock>);

// --- Callables: f(std::stop_token) or f(), returning void, absl::Status, Co<> or Co<absl::Status>; token first, by
// value or by const reference; move-only ones too; any callable of std::jthread's with its arguments bound.
struct Worker {
  void run(std::stop_token) {}
  engin::Co<absl::Status> poll(const std::stop_token&) { co_return absl::OkStatus(); }
};
inline void function() {}
inline absl::Status status_function(std::stop_token) { return absl::OkStatus(); }
inline engin::Co<> coroutine_function(std::stop_token) { co_return; }

[[gnu::used]] inline void callables(engin::Supervisor& s, Worker& worker) {
  using engin::TaskHandle;
  static_assert(Is<decltype(s.supervise([] {})), TaskHandle>);
  s.supervise([](std::stop_token) {});
  s.supervise([](const std::stop_token&) {});
  s.supervise([](auto... token) { static_assert(sizeof...(token) == 1); });  // offered the token, else called without
  s.supervise([] { return absl::OkStatus(); });
  s.supervise([](std::stop_token) -> absl::Status { return absl::UnavailableError("refused"); });
  s.supervise([]() -> engin::Co<> { co_return; });
  s.supervise([](std::stop_token) -> engin::Co<void> { co_return; });
  s.supervise([](std::stop_token) -> engin::Co<absl::Status> { co_return absl::OkStatus(); });
  s.supervise([n = 0]() mutable { n = n + 1; });
  s.supervise([owned = std::make_unique<int>(1)] { (void)owned; });
  s.supervise(function);
  s.supervise(&status_function);
  s.supervise(coroutine_function);
  s.supervise(std::bind_front(&Worker::run, &worker));
  s.supervise(std::bind_front(&Worker::poll, &worker));
  s.supervise(std::function<void()>(function));

  // With options, in braces or as a variable; and with the place that is to give the name.
  s.supervise([] {}, {});
  s.supervise([] {}, {.name = "consumer", .on_exception = engin::OnException::Retry});
  const engin::TaskOptions options;
  s.supervise([] {}, options);
  s.supervise([] {}, options, std::source_location::current());
  s.supervise([] {}, std::source_location::current());

  // A periodic callable: f as any supervised callable.
  s.supervise(engin::every(5s, [] {}));
  s.supervise(engin::every(1min, [](std::stop_token) -> engin::Co<> { co_return; }, {.first = 1s}), {.name = "report"});
  s.supervise(engin::every(250ms, [] { return absl::OkStatus(); },
                           {.first = 0s, .overlap = engin::Overlap::Skip, .jitter = 10ms}));

  // Ends itself quietly once stop was requested; before, a failure like any other.
  s.supervise([](std::stop_token stop) {
    if (stop.stop_requested()) throw engin::Stopped();
  });
}

// --- TaskOptions: an aggregate, copyable; every member has an initialiser; this order.
static_assert(std::is_aggregate_v<engin::TaskOptions> && std::is_copy_constructible_v<engin::TaskOptions> &&
              std::is_copy_assignable_v<engin::TaskOptions> && std::is_default_constructible_v<engin::TaskOptions>);
[[gnu::used]] inline void task_options() {
  engin::TaskOptions options{
      .name = "uplink",                                        // 1 to 128 bytes, no control characters, no '#', unique
      .on_exception = engin::OnException::Shutdown,            // the default
      .retry_if = [](const engin::Failure&) { return true; },  // asked once per failure under Retry
      .backoff = {},                                           // how long a restart waits
      .restart_limit = {},                                     // how many restarts are too many
      .on_return = engin::OnReturn::Finish,                    // the default
      .shutdown_hook = [] {},                                  // before the last request of stop
      .hook_timeout = 5s,                                      // the default
      .stop_timeout = 10s,                                     // the default
      .heartbeat_timeout = 0s,                                 // off
      .on_unresponsive = engin::OnUnresponsive::Report,        // the default
      .blocking = false,                                       // true: its runner is counted out at once
  };
  static_assert(Is<decltype(options.named("x")), engin::TaskOptions>);  // a copy with another name
  static_assert(Is<decltype(options.validate()), absl::Status>);        // names the field at fault
  const engin::TaskOptions constant;
  (void)constant.named("x");
  (void)constant.validate();
  (void)std::array{engin::OnException::Shutdown, engin::OnException::Retry, engin::OnException::Ignore};
  (void)std::array{engin::OnReturn::Finish, engin::OnReturn::Restart, engin::OnReturn::Shutdown};
  (void)std::array{engin::OnUnresponsive::Report, engin::OnUnresponsive::Fail};

  // Hook: h() or h(std::stop_token) returning void, Status, Co<>, Co<Status>; move-only ones too; copies share it.
  engin::Hook hook;
  static_assert(std::is_copy_constructible_v<engin::Hook>);
  hook = [] {};
  hook = [](std::stop_token) { return absl::OkStatus(); };
  hook = []() -> engin::Co<> { co_return; };
  hook = [](std::stop_token) -> engin::Co<absl::Status> { co_return absl::OkStatus(); };
  hook = [owned = std::make_unique<int>(1)] { (void)owned; };
  hook = nullptr;
}

// --- Backoff
static_assert(std::is_aggregate_v<engin::Backoff>);
[[gnu::used]] inline void backoff() {
  engin::Backoff backoff{
      .initial = 100ms, .max = 30s, .multiplier = 2, .jitter = engin::Jitter::Equal, .reset_after = 60s};
  (void)std::array{engin::Jitter::Equal, engin::Jitter::Full, engin::Jitter::None};
  backoff = engin::Backoff::immediate();
  backoff = engin::Backoff::constant(1s);
  backoff = engin::Backoff::schedule({100ms, 1s, 1min});  // the last one repeats
  const auto ranges = std::as_const(backoff).preview(3);  // {earliest, latest} of the next three restarts
  static_assert(std::is_convertible_v<decltype(ranges[0].earliest), engin::Duration>);
  static_assert(std::is_convertible_v<decltype(ranges[0].latest), engin::Duration>);
  static_assert(Is<decltype(backoff.validate()), absl::Status>);
}

// --- RestartLimit
static_assert(std::is_aggregate_v<engin::RestartLimit>);
[[gnu::used]] inline void restart_limit() {
  engin::RestartLimit limit{.max_restarts = 5, .window = 1min, .then = engin::OnLimit::Shutdown};
  limit.then = engin::OnLimit::GiveUp;
  limit.then = engin::OnLimit::CoolDown(5min);
  static_assert(Is<decltype(limit.validate()), absl::Status>);
}

// --- SupervisorOptions: an aggregate; every member has an initialiser; this order.
static_assert(std::is_aggregate_v<engin::SupervisorOptions> && std::is_copy_constructible_v<engin::SupervisorOptions>);
[[gnu::used]] inline void supervisor_options(engin::testing::VirtualRuntime& world,
                                             std::shared_ptr<engin::Observer> observer) {
  engin::SupervisorOptions options{
      .name = "ingest",
      .runners = 2,                              // kept when nothing blocks
      .max_runners = 1024,                       // the default
      .runner_stack_size = 1 << 20,              // the default
      .shutdown_timeout = 25s,                   // for everything; the default
      .stop_order = engin::StopOrder::Together,  // the default
      .on_straggler = engin::OnStraggler::Wait,  // the default
      .observers = {observer},
      .default_observer = true,                                  // the default
      .defaults = {.on_exception = engin::OnException::Ignore},  // the options of supervise(f)
      .random_seed = 42,
      .runtime = world,
  };
  (void)std::array{engin::StopOrder::Together, engin::StopOrder::Reverse};
  (void)std::array{engin::OnStraggler::Wait, engin::OnStraggler::Exit, engin::OnStraggler::Abandon};
  engin::Supervisor with_options(std::move(options));
  engin::Supervisor in_place({.name = "x", .runtime = world});
  engin::Supervisor with_defaults;
}

// --- Supervisor
static_assert(!std::is_copy_constructible_v<engin::Supervisor> && !std::is_move_constructible_v<engin::Supervisor>);
[[gnu::used]] inline void supervisor(engin::Supervisor& s, const engin::Supervisor& c, std::ostream& out) {
  static_assert(Is<decltype(s.start()), void>);  // AlreadyStarted
  static_assert(Is<decltype(s.request_shutdown()), void> && noexcept(s.request_shutdown()));
  s.request_shutdown("deployment");  // posts, runs no user code
  static_assert(noexcept(s.request_shutdown(std::string_view())));
  static_assert(Is<decltype(s.wait()), const engin::ShutdownReport&>);        // NotStarted, WouldDeadlock
  static_assert(Is<decltype(s.wait_for(1s)), const engin::ShutdownReport*>);  // null on timeout
  (void)s.wait_for(std::chrono::hours::max());                                // for ever
  static_assert(Is<decltype(s.shutdown()), const engin::ShutdownReport&>);    // request + wait
  static_assert(Is<decltype(s.run()), int>);                                  // start + wait + exit code
  static_assert(Is<decltype(s.wait_all()), bool>);                            // false if shutdown began first
  static_assert(Is<decltype(c.stop_token()), std::stop_token>);               // fires before the hooks
  static_assert(Is<decltype(c.shutdown_cause()), std::optional<engin::ShutdownCause>>);
  static_assert(Is<decltype(c.snapshot()), engin::SupervisorSnapshot>);
  c.for_each_task([](const engin::TaskHandle& task) { (void)task.id(); });
  c.for_each_task([](engin::TaskHandle task) { task.request_stop(); });
  static_assert(Is<decltype(c.find("uplink")), std::optional<engin::TaskHandle>>);
  c.dump(out);
}

// --- Typed errors
static_assert(std::is_base_of_v<engin::Error, engin::InvalidOptions>);  // a callable, name, option refused
static_assert(std::is_base_of_v<engin::Error, engin::DuplicateName>);
static_assert(std::is_base_of_v<engin::Error, engin::SupervisorStopping>);  // supervise() once shutdown began
static_assert(std::is_base_of_v<engin::Error, engin::NotStarted>);          // wait() before start()
static_assert(std::is_base_of_v<engin::Error, engin::AlreadyStarted>);
static_assert(std::is_base_of_v<engin::Error, engin::WouldDeadlock>);  // names the task
static_assert(std::is_base_of_v<engin::Error, engin::NotInTask>);      // an awaitable outside a task
static_assert(std::is_base_of_v<engin::Error, engin::ForkedChild>);
static_assert(std::is_base_of_v<std::exception, engin::Error>);
static_assert(std::is_base_of_v<std::exception, engin::Stopped>);
static_assert(std::is_base_of_v<std::exception, engin::Abandoned>);  // a resumer dropped uncalled

// --- TaskHandle: cheap to copy, does nothing when dropped, usable as a constant: it refers to a task, and is none.
static_assert(std::is_copy_constructible_v<engin::TaskHandle> &&
              std::is_nothrow_move_constructible_v<engin::TaskHandle> &&
              std::is_default_constructible_v<engin::TaskHandle>);
[[gnu::used]] inline void task_handle(const engin::TaskHandle& task) {
  static_assert(Is<decltype(task.id()), engin::TaskId> && std::is_unsigned_v<engin::TaskId>);
  static_assert(std::is_convertible_v<decltype(task.name()), std::string>);
  static_assert(Is<decltype(task.state()), engin::TaskState>);
  static_assert(Is<decltype(task.snapshot()), engin::TaskSnapshot>);
  static_assert(noexcept(task.request_stop()));
  static_assert(Is<decltype(task.stop(1s)), engin::StopResult>);
  static_assert(Is<decltype(task.stop()), engin::StopResult>);
  static_assert(Is<decltype(task.restart()), engin::RestartResult>);  // does not block
  static_assert(Is<decltype(task.remove()), bool>);
  static_assert(Is<decltype(task.wait_ready(1s)), bool>);
  static_assert(Is<decltype(task.wait()), engin::Outcome>);
  static_assert(Is<decltype(task.wait_for(1s)), std::optional<engin::Outcome>>);
  (void)(task.wait() == engin::Outcome::Completed);
  (void)(task.wait_for(1s) == engin::Outcome::Failed);
  const engin::Outcome outcome = task.wait();
  switch (outcome) {
    case engin::Outcome::Completed:
    case engin::Outcome::Failed:   // with a Failure
    case engin::Outcome::Stopped:  // what it threw is attached, and no failure
      break;
  }
  static_assert(std::is_convertible_v<decltype(outcome.failure()), const std::optional<engin::Failure>&>);
  (void)std::array{engin::StopResult::Stopped, engin::StopResult::AlreadyEnded, engin::StopResult::TimedOut};
  (void)std::array{engin::RestartResult::Started, engin::RestartResult::WhenEnded, engin::RestartResult::Refused};
  using enum engin::TaskState;
  (void)std::array{Registered, Queued,     Running,   Waiting, Backoff, CoolingDown,
                   Stopping,   Straggling, Completed, Failed,  GaveUp,  Stopped};
}

// --- ScopedTask: made from a handle; move-only; stops, awaits and removes.
static_assert(std::is_constructible_v<engin::ScopedTask, engin::TaskHandle> &&
              std::is_nothrow_move_constructible_v<engin::ScopedTask> &&
              std::is_nothrow_move_assignable_v<engin::ScopedTask> && !std::is_copy_constructible_v<engin::ScopedTask>);

// --- Inside a task
[[gnu::used]] inline void inside_a_task() {
  static_assert(Is<decltype(engin::this_task::stop_token()), std::stop_token>);  // never stops outside a task
  static_assert(std::unsigned_integral<decltype(engin::this_task::attempt())>);
  static_assert(Is<decltype(engin::this_task::sleep_for(1s)), bool>);  // false as soon as stop is requested
  static_assert(Is<decltype(engin::this_task::ready()), void>);
  static_assert(Is<decltype(engin::this_task::beat()), void>);
  static_assert(Is<decltype(engin::this_task::stop_reason()), engin::StopReason>);
  static_assert(Is<decltype(engin::this_task::stop_deadline()), engin::TimePoint>);
  (void)std::array{engin::StopReason::Shutdown, engin::StopReason::Requested, engin::StopReason::Restart,
                   engin::StopReason::Unresponsive};
}

// --- In a coroutine. Each wait is cut short by stop and says so; with ignore_stop it is not.
static_assert(std::is_move_constructible_v<engin::Co<int>> && !std::is_copy_constructible_v<engin::Co<int>>);
inline engin::Co<int> part() { co_return 42; }
[[gnu::used]] inline engin::Co<> inside_a_coroutine(engin::Wakeup& wakeup) {
  using engin::ignore_stop;
  bool done = co_await engin::sleep_for(1s);
  done = co_await engin::sleep_for(1s, ignore_stop);
  done = co_await engin::sleep_until(std::chrono::steady_clock::now());
  done = co_await engin::sleep_until(std::chrono::steady_clock::now(), ignore_stop);
  done = co_await engin::yield();
  done = co_await engin::yield(ignore_stop);
  done = co_await wakeup.wait();
  done = co_await wakeup.wait(ignore_stop);
  auto how = co_await wakeup.wait_for(1s);
  how = co_await wakeup.wait_for(1s, ignore_stop);
  done = how == engin::Wakeup::Signalled || how == engin::Wakeup::TimedOut || how == engin::Wakeup::Stopped;
  static_assert(noexcept(wakeup.notify()));      // wakes one, or else lets the next wait return at once
  static_assert(noexcept(wakeup.notify_all()));  // all present

  int value = co_await part();
  auto blocks = [] { return 1; };
  value = co_await engin::blocking(blocks);  // on a runner of its own; never cut short
  auto with_token = [](std::stop_token) { return 2; };
  value = co_await engin::blocking(with_token);
  auto start = [](engin::Resumer resume) { resume(); };  // any thread, first call wins; dropped uncalled: Abandoned
  auto cancel = [] {};                                   // at stop, once; the resumer is still awaited
  co_await engin::suspend(start, cancel);
  (void)done;
  (void)value;
}
static_assert(std::is_move_constructible_v<engin::Resumer> && !std::is_copy_constructible_v<engin::Resumer>);

// --- Events and observers
struct MyObserver : engin::Observer {
  void on_event(const engin::Event& event) override {
    switch (event.kind) {
      using enum engin::EventKind;
      case Registered:
      case AttemptStarted:
      case Ready:
      case Failed:  // with the decision taken and the next delay
      case RestartScheduled:
      case Completed:
      case Stopped:
      case GaveUp:
      case HookStarted:
      case HookEnded:
      case HookTimedOut:
      case StopRequested:  // with its reason
      case StopIgnored:
      case Unresponsive:
      case Straggler:
      case StragglerEnded:
      case RunnerAdded:
      case Starvation:
      case ShutdownBegan:
      case ShutdownEnded:
        break;
    }
    static_assert(Is<decltype(event.failure), std::optional<engin::Failure>>);
    static_assert(Is<decltype(event.decision), engin::Decision> && Is<decltype(event.delay), engin::Duration>);
    static_assert(Is<decltype(event.reason), engin::StopReason>);
  }
};
[[gnu::used]] inline void observers(std::ostream& out) {
  const auto recorder = std::make_shared<engin::testing::Recorder>();
  engin::SupervisorOptions options{
      .observers = {std::make_shared<MyObserver>(), recorder, engin::text_observer(out), engin::json_observer(out)}};
  static_assert(Is<decltype(recorder->events()), std::vector<engin::Event>>);
  out << recorder->events().front() << engin::to_json(recorder->events().front());
}

// --- Failure
[[gnu::used]] inline void failure(const engin::Failure& f) {
  static_assert(std::is_convertible_v<decltype(f.type()), std::string>);  // demangled when read
  static_assert(std::is_convertible_v<decltype(f.message()), std::string_view>);
  static_assert(std::is_convertible_v<decltype(f.status()), const absl::Status&>);
  static_assert(std::is_convertible_v<decltype(f.exception()), std::exception_ptr>);
  static_assert(Is<decltype(f.as<std::runtime_error>()), const std::runtime_error*>);  // null if it is something else
  static_assert(Is<decltype(f.time()), engin::TimePoint>);
  static_assert(Is<decltype(f.uptime()), engin::Duration>);
  static_assert(std::unsigned_integral<decltype(f.attempt())>);
}

// --- Snapshots
[[gnu::used]] inline void snapshots(const engin::TaskSnapshot& t, const engin::SupervisorSnapshot& s) {
  static_assert(Is<decltype(t.id), engin::TaskId> && Is<decltype(t.name), std::string>);
  static_assert(Is<decltype(t.state), engin::TaskState> && Is<decltype(t.since), engin::TimePoint>);
  static_assert(Is<decltype(t.attempt), std::uint64_t> && Is<decltype(t.ready), bool>);
  (void)(t.started + t.completed + t.failed + t.restarted);
  static_assert(Is<decltype(t.first_failures), std::vector<engin::Failure>>);  // the first sixteen, as text
  static_assert(Is<decltype(t.last_failures), std::vector<engin::Failure>>);   // the last sixteen
  static_assert(Is<decltype(t.next_attempt), std::optional<engin::TimePoint>>);
  static_assert(Is<decltype(t.queued), engin::Duration>);
  static_assert(Is<decltype(t.last_stop_latency), std::optional<engin::Duration>>);
  static_assert(Is<decltype(t.explain()), std::string>);  // one sentence
  static_assert(Is<decltype(s.tasks), std::vector<engin::TaskSnapshot>>);
}

// --- ShutdownReport
[[gnu::used]] inline void report(const engin::ShutdownReport& r, std::ostream& out) {
  using Cause = engin::ShutdownCause::Kind;
  (void)std::array{Cause::Requested, Cause::TaskFailed, Cause::Signal, Cause::LimitReached, Cause::TaskReturned};
  static_assert(Is<decltype(r.cause), engin::ShutdownCause> && Is<decltype(r.cause.reason), std::string>);
  static_assert(Is<decltype(r.cause.failure), std::optional<engin::Failure>>);
  static_assert(Is<decltype(r.tasks), std::vector<engin::ShutdownTask>>);  // up to 1,000; not clean ones first
  static_assert(Is<decltype(r.stragglers), std::vector<engin::Straggler>>);
  static_assert(Is<decltype(r.secondary), std::vector<engin::Failure>>);  // failures during shutdown
  static_assert(Is<decltype(r.duration), engin::Duration>);
  static_assert(Is<decltype(r.tasks[0].hook), engin::HookResult>);
  static_assert(Is<decltype(r.tasks[0].hook_duration), engin::Duration>);
  static_assert(Is<decltype(r.tasks[0].stop_latency), std::optional<engin::Duration>>);
  (void)std::array{engin::HookResult::None, engin::HookResult::Returned, engin::HookResult::Failed,
                   engin::HookResult::TimedOut, engin::HookResult::NotStarted};
  static_assert(Is<decltype(r.clean()), bool>);
  static_assert(Is<decltype(r.exit_code()), int>);  // 0 clean, 1 failure or limit, 2 not clean
  out << r;
}

// --- The host
struct Pool {};
struct Service {
  explicit Service(Pool&) {}
};
inline Pool make_pool() { return {}; }
[[gnu::used]] inline int host() {
  engin::Engin app(engin::Provide(make_pool), engin::Provide([](Pool& pool) { return Service(pool); }),
                   engin::Supply(42), engin::Invoke([](engin::Supervisor&, engin::Lifecycle&) {}),
                   engin::Entrypoint<Service>(), engin::Block("storage", engin::Supply(std::string())));
  static_assert(Is<decltype(app.start()), void>);
  static_assert(Is<decltype(app.stop()), int>);  // the exit code
  return app.run();
}

// --- Testing
[[gnu::used]] inline void virtual_time() {
  engin::testing::VirtualRuntime world(42);  // the seed decides the order
  engin::Supervisor s({.runtime = world});
  world.run_until_idle();
  world.advance(100ms);
  world.advance_to_next();
  static_assert(Is<decltype(world.now()), engin::TimePoint>);
  static_assert(Is<decltype(world.next_deadline()), std::optional<engin::TimePoint>>);
}

}  // namespace engin_contract

#endif  // ENGIN_DOCS_CONTRACT_H_
