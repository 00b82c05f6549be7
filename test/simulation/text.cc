// Scenarios and records for a person.
#include <ostream>
#include <string>

#include "test/simulation/record.h"
#include "test/simulation/scenario.h"

namespace engin::simulation {

namespace {

constexpr std::string_view action_names[] = {
    "nothing",  "supervise",     "request_shutdown", "request_stop", "restart",     "remove",  "find",
    "snapshot", "for_each_task", "notify",           "notify_all",   "drop handle", "preempt", "stop",
    "wait",     "wait_ready",    "shutdown",         "wait_for",     "wait_all",    "pause"};
constexpr std::string_view op_names[] = {"sleep",    "block",   "sleep through", "yield", "await", "await for",
                                         "blocking", "suspend", "ready",         "beat",  "act"};
constexpr std::string_view ending_names[] = {"return", "throw std", "throw int", "throw Stopped", "bad Status"};
constexpr std::string_view kind_names[] = {"plain", "coroutine", "periodic", "periodic coroutine"};
constexpr std::string_view policy_names[] = {"Shutdown", "Retry", "Ignore"};
constexpr std::string_view return_names[] = {"Finish", "Restart", "Shutdown"};
constexpr std::string_view what_names[] = {"event",
                                           "enters",
                                           "leaves",
                                           "token fired",
                                           "token lost",
                                           "hook enters",
                                           "hook leaves",
                                           "retry_if asked",
                                           "retry_if answers",
                                           "destroyed",
                                           "supervise...",
                                           "supervise",
                                           "stop...",
                                           "stop",
                                           "restart...",
                                           "restart",
                                           "remove",
                                           "WRONG WAIT",
                                           "STRANGE THROW",
                                           "shutdown has begun",
                                           "at shutdown",
                                           "seen",
                                           "report",
                                           "report names",
                                           "report: hook not started",
                                           "its first event is lost",
                                           "the clock jumps",
                                           "calm",
                                           "supervisor gone",
                                           "choice"};

template <class E, std::size_t N>
std::string_view name_of(const std::string_view (&names)[N], E e) {
  const auto i = static_cast<std::size_t>(e);
  return i < N ? names[i] : "?";
}

}  // namespace

std::string_view to_string(What what) noexcept { return name_of(what_names, what); }

std::ostream& operator<<(std::ostream& out, const Action& a) {
  out << name_of(action_names, a.kind);
  if (a.kind != Action::Kind::None && a.kind != Action::Kind::Pause) out << " t" << a.task;
  if (waits(a.kind)) out << " " << text(a.d);
  return out;
}

std::ostream& operator<<(std::ostream& out, const Script& s) {
  for (const Step& step : s.steps) {
    if (step.op == Step::Op::Act) {
      out << "(" << step.action << "), ";
    } else {
      out << name_of(op_names, step.op) << " " << text(step.d) << ", ";
    }
  }
  if (s.until_stop) out << "until stop, ";
  if (!s.heeds_stop) out << "[ignores being cut short] ";
  return out << name_of(ending_names, s.ending);
}

std::ostream& operator<<(std::ostream& out, const Scenario& s) {
  out << "seed " << s.seed << ": " << (s.stop_order == StopOrder::Reverse ? "Reverse" : "Together") << ", "
      << (s.on_straggler == OnStraggler::Abandon ? "Abandon" : "Wait") << ", shutdown timeout "
      << text(s.shutdown_timeout) << (s.started ? "" : ", never started")
      << (s.destroy_before_calm ? ", destroyed before calm" : "") << ", chaos " << s.chaos_steps << " steps, "
      << text(s.chaos_time) << ", preemption 1/" << s.preemption << ", " << s.early << " of " << s.initial
      << " tasks before start\n";
  for (const ObserverPlan& o : s.observers) {
    out << "  observer: kind " << static_cast<int>(o.kind) << " from event " << o.from << ", (" << o.action << "), "
        << text(o.d) << "\n";
  }
  if (s.at_stop_token.op == Step::Op::Block) out << "  stop_token callback: block " << text(s.at_stop_token.d) << "\n";
  if (s.at_stop_token.action.kind != Action::Kind::None)
    out << "  stop_token callback: " << s.at_stop_token.action << "\n";
  for (const ClockJump& jump : s.jumps) {
    out << "  the clock jumps by " << text(jump.d) << " at step " << jump.step << "\n";
  }
  for (const TaskPlan& t : s.tasks) {
    const TaskOptions& o = t.options;
    out << "  " << o.name << ": " << name_of(kind_names, t.kind) << ", " << name_of(policy_names, o.on_exception)
        << ", on return " << name_of(return_names, o.on_return) << ", hook timeout " << text(o.hook_timeout)
        << ", stop timeout " << text(o.stop_timeout);
    if (o.restart_limit.max_restarts) {
      out << ", limit " << *o.restart_limit.max_restarts << " in " << text(o.restart_limit.window) << " then kind "
          << static_cast<int>(o.restart_limit.then.kind()) << " " << text(o.restart_limit.then.rest());
    }
    if (o.heartbeat_timeout > Duration::zero())
      out << ", heartbeat " << text(o.heartbeat_timeout) << (o.on_unresponsive == OnUnresponsive::Fail ? " Fail" : "");
    if (t.retry_if != RetryIf::None) out << ", retry_if " << static_cast<int>(t.retry_if);
    if (is_periodic(t.kind)) out << ", every " << text(t.period);
    out << "\n    backoff:";
    for (const Backoff::Range& r : o.backoff.preview(3)) out << " " << text(r.earliest) << ".." << text(r.latest);
    out << "\n";
    for (const Script& script : t.scripts) out << "    attempt: " << script << "\n";
    if (t.hook.present) out << "    hook" << (t.hook.coroutine ? " (coroutine): " : ": ") << t.hook.script << "\n";
    if (t.short_of_memory != 0) out << "    no memory for allocation " << t.short_of_memory << " of supervise()\n";
    if (t.at_destruction.kind != Action::Kind::None) out << "    destructor: " << t.at_destruction << "\n";
  }
  for (const std::vector<Action>& list : s.threads) {
    out << "  thread:";
    for (const Action& a : list) out << " " << a << ";";
    out << "\n";
  }
  return out;
}

std::ostream& operator<<(std::ostream& out, const Record& r) {
  const auto us =
      std::chrono::duration_cast<std::chrono::microseconds>(r.time.time_since_epoch() % std::chrono::hours(24 * 365))
          .count();
  out << "#" << r.step << " " << us / 1000 << "." << (us % 1000) << "ms ";
  if (r.task >= 0) out << "t" << r.task << " ";
  if (r.what == What::Event) {
    out << "* " << r.kind;
    if (r.attempt != 0) out << " #" << r.attempt;
    if (r.decision != Decision::None) out << " -> " << r.decision << " " << text(r.delay);
    if (r.reason != StopReason::None) out << " (" << r.reason << ")";
    if (r.bad) out << " with failure";
    return out;
  }
  out << to_string(r.what);
  switch (r.what) {
    case What::Enter:
    case What::Leave:
    case What::HookEnter:
    case What::HookLeave:
      return out << " #" << r.attempt << (r.bad ? " badly" : "");
    case What::TokenFired:
      return out << " #" << r.attempt << " " << r.reason;
    case What::Baseline:
    case What::Seen:
      return out << " " << r.state << " started " << r.started;
    case What::StopBegin:
    case What::RestartBegin:
      return out << " when " << r.state;
    case What::StopEnd:
      if (r.value >= 0) out << " " << static_cast<StopResult>(r.value);
      return out;
    case What::RestartEnd:
      return out << " " << static_cast<RestartResult>(r.value);
    case What::ClockJumped:
      return out << " by " << text(r.delay);
    case What::ReportSeen:
      return out << (r.bad ? " not clean" : " clean") << " after " << text(r.delay);
    case What::Choice:
      return out << " " << r.value << " of " << r.started;
    default:
      if (r.value != 0) out << " " << r.value;
      return out;
  }
}

}  // namespace engin::simulation
