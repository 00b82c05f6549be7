#include "host/host.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>

#include <unistd.h>

#include "base/exception_text.h"
#include "engin/detail/access.h"

namespace engin::detail {

namespace {

constexpr int start_failed_code = 3;

void say(std::string text) {
  if (!text.ends_with('\n')) text += '\n';
  std::fwrite(text.data(), 1, text.size(), stderr);
}

template <class T>
std::string text_of(const T& printable) {
  std::ostringstream out;
  out << printable;
  return out.str();
}

std::string describe(const std::exception_ptr& exception) {
  return Failure(base::exception_type(exception), base::exception_message(exception), exception, {}, {}, {}, 0)
      .describe();
}

}  // namespace

Host::Host(std::unique_ptr<OptionData> options)
    : settings_(std::move(options->signals)), assembly_(with_own(std::move(options->elements)), 2) {}

// The supervisor is made before, and destroyed after, all that can name it.
std::vector<Element> Host::with_own(std::vector<Element> elements) {
  Element supervisor;
  supervisor.faces = {face_of<Supervisor, Supervisor>()};
  supervisor.needs = {{.type = &tag_of<SupervisorOptions>(), .constant = true, .optional = true}};
  supervisor.maker = maker(
      [this](Argument* options) { return make_supervisor(static_cast<const SupervisorOptions*>(options[0].object)); });
  Element lifecycle;
  lifecycle.borrowed = true;
  lifecycle.faces = {face_of<Lifecycle, Lifecycle>()};
  lifecycle.maker = maker([this](Argument*) { return Value{nullptr, &lifecycle_}; });
  std::vector<Element> all;
  all.reserve(elements.size() + 2);
  all.push_back(std::move(supervisor));
  all.push_back(std::move(lifecycle));
  std::move(elements.begin(), elements.end(), std::back_inserter(all));
  return all;
}

Value Host::make_supervisor(const SupervisorOptions* given) {
  SupervisorOptions options = given != nullptr ? *given : SupervisorOptions();
  const base::Lock lock(mutex_);
  options_ = options;
  // It is the Supervisor that holds what is the user's, and goes before it.
  options_.observers.clear();
  options_.defaults = TaskOptions();
  options.shutdown_timeout -= options.shutdown_timeout / 4;  // the rest is the lifecycle's
  auto supervisor = std::make_shared<Supervisor>(std::move(options));
  runner_ = std::make_unique<LifecycleRunner>(lifecycle_, options_.runtime, options_.shutdown_timeout);
  supervisor_ = supervisor.get();
  if (stop_cause_) Access::request_shutdown(*supervisor_, *stop_cause_);
  return {std::move(supervisor), supervisor_};
}

// ---- the phases

void Host::enter(Phase from, Phase to) {
  if (phase_ != from) std::abort();  // whoever calls this has just looked
  phase_ = to;
  if (to == Phase::Starting || to == Phase::Stopping) owner_ = std::this_thread::get_id();
  changed_.notify_all();
}

void Host::stop_from(Phase from) {
  {
    const base::Lock lock(mutex_);
    enter(from, Phase::Stopping);
  }
  take_down();
}

bool Host::begin(bool in_run) {
  const base::Lock lock(mutex_);
  if (std::exchange(begun_, true)) throw AlreadyStarted("engin: an Engin runs once");
  if (phase_ == Phase::Ended) return false;  // it was stopped before
  in_run_ = in_run;
  enter(Phase::Built, Phase::Starting);
  return true;
}

bool Host::stop_asked() const {
  const base::Lock lock(mutex_);
  return stop_cause_.has_value();
}

// ---- starting

void Host::resolve() {
  const base::Lock lock(assembly_mutex_);
  assembly_.resolve();
  if (std::exchange(told_unneeded_, true)) return;
  if (const std::string unneeded = assembly_.unneeded(); !unneeded.empty()) say("engin: " + unneeded);
}

void Host::make_all(bool invocations) {
  for (const std::size_t node : assembly_.order()) {
    if (assembly_.is_invocation(node) != invocations) continue;
    {
      const base::Lock lock(mutex_);
      if (stop_cause_) return;
      acting_on_ = node;
    }
    try {
      assembly_.make(node);
    } catch (const SupervisorStopping&) {  // so it was asked to stop meanwhile
      if (stop_asked()) return;
      throw;
    } catch (...) {
      const std::string text = assembly_.path_to(node) + " failed: " + describe(std::current_exception());
      std::throw_with_nested(StartFailed("engin: " + text));
    }
    const base::Lock lock(mutex_);
    acting_on_.reset();
  }
}

// True: it runs. False: it was asked to stop meanwhile.
bool Host::start_up() {
  if (stop_asked()) return false;
  resolve();
  make_all(false);
  make_all(true);
  if (stop_asked()) return false;
  LifecycleRunner* runner = nullptr;
  Supervisor* supervisor = nullptr;
  {
    const base::Lock lock(mutex_);
    runner = runner_.get();
    supervisor = supervisor_;
  }
  if (!runner->start_all()) return false;
  supervisor->start();
  const base::Lock lock(mutex_);
  enter(Phase::Starting, Phase::Running);  // from here on another thread's stop() may take it down
  return true;
}

// True: it runs. False: it was asked to stop meanwhile, and has ended. So it has after an exception.
bool Host::bring_up() {
  try {
    handle_signals();
    if (start_up()) return true;
  } catch (const std::exception& error) {
    {
      const base::Lock lock(mutex_);
      report_.start_failure = error.what();
      acting_on_.reset();
    }
    stop_from(Phase::Starting);
    throw;
  }
  stop_from(Phase::Starting);
  return false;
}

void Host::start() {
  if (begin(false)) bring_up();
}

int Host::run() {
  if (!begin(true)) return report().exit_code;
  bool runs = false;
  try {
    runs = bring_up();
  } catch (const std::exception&) {  // in the report
  }
  if (runs) await_shutdown();
  const EnginReport result = report();
  if (result.has_stragglers() && !abandons()) end_process(result);
  if (result.exit_code != 0 && result.exit_code < 128) say(text_of(result));
  return result.exit_code;
}

void Host::await_shutdown() {
  Supervisor* supervisor = nullptr;
  {
    const base::Lock lock(mutex_);
    supervisor = supervisor_;
  }
  try {
    supervisor->wait();
  } catch (...) {  // in virtual time: nothing is left that could end it
    stop_from(Phase::Running);
    throw;
  }
  stop_from(Phase::Running);
}

// ---- stopping

void Host::request_stop(ShutdownCause cause) noexcept {
  const base::Lock lock(mutex_);
  if (phase_ == Phase::Ended) return;
  if (!stop_cause_) {
    stop_cause_.emplace();
    try {
      stop_cause_ = cause;
    } catch (const std::bad_alloc&) {  // then without its text
    }
  }
  // Both post, and run nothing of the user's here.
  if (supervisor_ != nullptr) Access::request_shutdown(*supervisor_, std::move(cause));
  if (runner_ != nullptr && phase_ == Phase::Starting) runner_->interrupt();
}

void Host::check_may_wait() const {
  constexpr std::string_view what = "Engin::stop()";
  if (supervisor_ != nullptr) Access::check_may_wait(*supervisor_, what);
  if (runner_ != nullptr) runner_->check_may_wait(what);
  const bool acting = phase_ == Phase::Starting || phase_ == Phase::Stopping;
  if (acting && owner_ == std::this_thread::get_id()) {
    throw WouldDeadlock(
        "engin: Engin::stop() in a provider, an invocation or a destructor of the same Engin could only "
        "wait for itself");
  }
  const bool others_turn = acting || (phase_ == Phase::Running && in_run_);
  if (others_turn && options_.runtime.world() != nullptr) {
    throw WouldDeadlock("engin: in virtual time Engin::stop() cannot wait for start(), run() or stop() further up");
  }
}

int Host::stop() {
  request_stop({.reason = "stop() was called"});
  base::Lock lock(mutex_);
  if (phase_ == Phase::Built) enter(Phase::Built, Phase::Ended);
  check_may_wait();
  while (phase_ != Phase::Ended) {
    if (phase_ == Phase::Running && !in_run_) {
      enter(Phase::Running, Phase::Stopping);
      lock.unlock();
      take_down();
      lock.lock();
      continue;
    }
    changed_.wait_for(lock, std::chrono::seconds(1));
  }
  return report_.exit_code;
}

void Host::take_down() {
  Supervisor* supervisor = nullptr;
  LifecycleRunner* runner = nullptr;
  Duration timeout{};
  bool failed = false;
  {
    const base::Lock lock(mutex_);
    supervisor = supervisor_;
    runner = runner_.get();
    timeout = options_.shutdown_timeout;
    failed = !report_.start_failure.empty();
  }
  std::optional<ShutdownReport> ended;
  if (supervisor != nullptr) {
    if (failed) supervisor->request_shutdown("the start failed");
    ended = supervisor->shutdown();
  }
  if (runner != nullptr) {
    runner->stop_all(saturating_add(runner->now(), timeout - ended->duration));
    runner->finish();
  }
  bool destroy = false;
  {
    const base::Lock lock(mutex_);
    report_.supervisor = std::move(ended);
    if (runner != nullptr) {
      report_.lifecycle = runner->failures();
      report_.unfinished_hooks = runner->unfinished();
    }
    report_.exit_code = exit_code();
    destroy = !report_.has_stragglers();
    if (destroy) supervisor_ = nullptr;
  }
  if (destroy) destroy_all();
  signals_.reset();
  const base::Lock lock(mutex_);
  enter(Phase::Stopping, Phase::Ended);
}

// With no lock held: destructors are the user's.
void Host::destroy_all() {
  LifecycleRunner::forget_hooks(lifecycle_);
  for (auto node = assembly_.order().rbegin(); node != assembly_.order().rend(); ++node) {
    {
      const base::Lock lock(mutex_);
      acting_on_ = *node;
    }
    assembly_.destroy(*node);
  }
  const base::Lock lock(mutex_);
  acting_on_.reset();
}

int Host::exit_code() const {
  if (!report_.start_failure.empty()) return start_failed_code;
  const int code = report_.supervisor ? report_.supervisor->exit_code() : 0;
  if (code != 0) return code;
  if (!report_.lifecycle.empty() || !report_.unfinished_hooks.empty()) return 2;
  const ShutdownCause* cause = report_.supervisor ? &report_.supervisor->cause : stop_cause_ ? &*stop_cause_ : nullptr;
  const bool by_signal = cause != nullptr && cause->kind == ShutdownCause::Kind::Signal;
  return by_signal && settings_ && settings_->exit == SignalExit::Mirror ? 128 + cause->signal : 0;
}

// Nothing may be destroyed under what still runs.
void Host::end_process(const EnginReport& report) noexcept {
  say(text_of(report));
  std::_Exit(report.exit_code);
}

bool Host::abandons() const {
  const base::Lock lock(mutex_);
  return options_.on_straggler == OnStraggler::Abandon;
}

void Host::dispose(Host* host) noexcept {
  try {
    host->stop();
  } catch (const ForkedChild&) {
    return;  // its threads are in the parent
  } catch (const WouldDeadlock& error) {
    say(error.what());
    std::abort();
  }
  const EnginReport result = host->report();
  if (!result.has_stragglers()) {
    delete host;
    return;
  }
  if (!host->abandons()) end_process(result);
  static auto* const abandoned = new std::vector<Host*>();  // reachable, so that it is no leak to a checker
  abandoned->push_back(host);
}

// ---- signals

void Host::handle_signals() {
  std::vector<int> which;
  {
    const base::Lock lock(mutex_);
    if (in_run_) which = {SIGTERM, SIGINT};
  }
  if (settings_) which = settings_->signals;
  if (which.empty()) return;
  signals_ = std::make_unique<host::Signals>(which, [this](int signal, int count) { on_signal(signal, count); });
}

void Host::on_signal(int signal, int count) {
  if (count == 1) {
    request_stop({.kind = ShutdownCause::Kind::Signal, .reason = host::signal_name(signal), .signal = signal});
    return;
  }
  say("engin: " + host::signal_name(signal) + " again, ends at once; still running: " + unfinished());
  _exit(128 + signal);
}

std::string Host::unfinished() const {
  const base::Lock lock(mutex_);
  std::string names;
  const auto add = [&](const std::string& name) {
    if (!name.empty()) names += (names.empty() ? "" : ", ") + name;
  };
  if (acting_on_) add(assembly_.path_to(*acting_on_));
  if (supervisor_ != nullptr) add(Access::unfinished(*supervisor_));
  if (runner_ != nullptr) add(runner_->current());
  return names.empty() ? "nobody" : names;
}

// ---- looking

std::stop_token Host::stop_token() const {
  const base::Lock lock(mutex_);
  return supervisor_ != nullptr ? supervisor_->stop_token() : std::stop_token();
}

void Host::check() { resolve(); }

Graph Host::graph() {
  resolve();
  Graph graph = assembly_.graph();
  const base::Lock lock(mutex_);
  if (runner_ != nullptr) graph.lifecycle = runner_->started();
  return graph;
}

EnginReport Host::report() const {
  const base::Lock lock(mutex_);
  return phase_ == Phase::Ended ? report_ : EnginReport();
}

HostPtr make_host(Option options) { return {new Host(std::move(options).release()), &Host::dispose}; }

}  // namespace engin::detail
