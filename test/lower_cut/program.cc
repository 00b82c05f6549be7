#include "test/lower_cut/program.h"

#include <algorithm>
#include <array>
#include <ostream>

#include "base/random.h"

namespace engin::lower {

using namespace std::chrono_literals;
using Kind = Op::Kind;
using runtime::Lane;

namespace {

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(base::mix(seed)) { program_.seed = seed; }

  Program make() {
    if (one_in(4)) return make_duel();
    const std::array<int, 6> runners{1, 1, 1, 2, 2, 3};
    program_.runners = pick(runners);
    program_.max_runners = program_.runners + static_cast<int>(random_.below(4));
    program_.store_buffers = !one_in(4);
    program_.membarrier = !one_in(4);
    program_.spurious = one_in(3) ? 6 : 0;
    program_.stalls = one_in(4) ? 40 : 0;
    program_.late = one_in(2) ? 2 : 0;
    program_.refused = one_in(8) ? 3 : 0;
    program_.stop_at = one_in(3) ? Program::StopAt::Begun : one_in(3) ? Program::StopAt::Any : Program::StopAt::Done;
    program_.leaves_timers = program_.stop_at == Program::StopAt::Any && one_in(2);
    for (std::size_t n = random_.below(4); n > 0; --n) program_.tokens.push_back(pick(kTokenTimes));
    if (one_in(3)) add_ops(program_.before_start, 2, 0, true);
    const std::size_t threads = 1 + random_.below(3);
    for (std::size_t i = 0; i < threads; ++i) {
      program_.threads.emplace_back();
      std::vector<Op> ops;
      add_ops(ops, 1 + random_.below(4), 0, false);
      program_.threads.back() = std::move(ops);
    }
    return std::move(program_);
  }

  // A runner that posts to itself against a growth monitor that is about to sleep, and little else.
  Program make_duel() {
    program_.max_runners = 1 + static_cast<int>(random_.below(2));
    program_.membarrier = one_in(2);
    program_.delayed = 2;
    program_.late = 2;
    program_.jobs.resize(2);
    const Duration until = pick(std::array<Duration, 4>{0us, 1ms, 2ms, 3ms});
    program_.jobs[0].ops = {{Kind::Compute, 0, until}, {Kind::Post, 1, {}}, {Kind::Compute, 0, 12ms}};
    program_.threads = {{{Kind::Sleep, 0, pick(kTimes)}, {Kind::Post, 0, {}}}};
    return std::move(program_);
  }

 private:
  static constexpr std::array<Duration, 6> kTokenTimes{0us, 100us, 700us, 3ms, 15ms, 1300ms};
  static constexpr std::array<Duration, 5> kTimes{0us, 30us, 250us, 2ms, 12ms};
  static constexpr std::array<Duration, 6> kTimerTimes{0us, 30us, 250us, 2ms, 12ms, 1500ms};
  static constexpr std::size_t kMostJobs = 9;

  template <class List>
  typename List::value_type pick(const List& list) {
    return list[random_.below(list.size())];
  }
  bool one_in(std::uint64_t n) { return random_.below(n) == 0; }

  // A job of its own for whoever posts it: its index, or none.
  std::size_t new_job(std::size_t depth) {
    if (program_.jobs.size() >= kMostJobs) return kMostJobs;
    const std::size_t index = program_.jobs.size();
    program_.jobs.emplace_back();
    JobPlan plan;
    const std::array<JobKind, 7> kinds{JobKind::Step,  JobKind::Step,  JobKind::Step,    JobKind::Step,
                                       JobKind::Plain, JobKind::Plain, JobKind::Blocking};
    plan.kind = pick(kinds);
    const std::array<Lane, 9> lanes{Lane::Ready, Lane::Ready, Lane::Ready, Lane::Ready,  Lane::Ready,
                                    Lane::Ready, Lane::Fresh, Lane::Stop,  Lane::Control};
    plan.lane = pick(lanes);
    if (plan.kind == JobKind::Plain && one_in(2)) plan.lane = Lane::Fresh;
    if (plan.lane == Lane::Control) plan.kind = JobKind::Step;
    if (depth == 0 && plan.lane == Lane::Ready && one_in(4)) {
      post_and_stay(plan.ops);
    } else if (depth < 3) {
      for (std::size_t n = random_.below(4); n > 0; --n) add_op(plan.ops, depth + 1, false, plan.kind, plan.lane);
    }
    if (plan.kind == JobKind::Step && plan.lane != Lane::Control && one_in(3)) {
      plan.ops.push_back({Kind::Again, 0, Duration(1 + static_cast<Duration::rep>(random_.below(3)))});
    }
    program_.jobs[index] = std::move(plan);
    return index;
  }

  // A job that posts another one just when the growth monitor may have had enough of looking at nothing, and keeps its
  // runner.
  void post_and_stay(std::vector<Op>& ops) {
    const std::size_t job = new_job(3);
    if (job == kMostJobs) return;
    ops.push_back({Kind::Compute, 0, pick(std::array<Duration, 4>{0us, 1ms, 2ms, 3ms})});
    ops.push_back({Kind::Post, job, {}});
    if (!program_.tokens.empty() && one_in(2)) {
      ops.push_back({Kind::Block, random_.below(program_.tokens.size()), {}});
    } else {
      ops.push_back({Kind::Compute, 0, 12ms});
    }
  }

  void add_ops(std::vector<Op>& ops, std::size_t n, std::size_t depth, bool before_start) {
    for (; n > 0; --n) add_op(ops, depth, before_start, JobKind::Plain, Lane::Ready);
  }

  void add_op(std::vector<Op>& ops, std::size_t depth, bool before_start, JobKind kind, Lane lane) {
    const bool in_job = depth > 0;
    switch (random_.below(before_start ? 4 : 9)) {
      case 0:
      case 1:
      case 2:
        if (const std::size_t job = new_job(depth); job != kMostJobs) ops.push_back({Kind::Post, job, {}});
        return;
      case 3:
      case 4: {
        std::size_t job = new_job(depth);
        program_.timers.push_back(job);
        ops.push_back({Kind::Arm, program_.timers.size() - 1, pick(kTimerTimes)});
        return;
      }
      case 5:
        if (!program_.timers.empty()) ops.push_back({Kind::Cancel, random_.below(program_.timers.size()), {}});
        return;
      case 6:
        ops.push_back({in_job ? Kind::Compute : Kind::Sleep, 0, pick(kTimes)});
        return;
      case 7:
        if (in_job && kind == JobKind::Step && lane != Lane::Control) ops.push_back({Kind::NextJob, 0, {}});
        return;
      default:
        if (!in_job || program_.tokens.empty() || lane == Lane::Control) return;
        ops.push_back({Kind::Block, random_.below(program_.tokens.size()), {}});
        return;
    }
  }

  base::Random random_;
  Program program_;
};

const char* name(Kind kind) {
  constexpr std::array<const char*, 8> names{"post", "block", "compute", "sleep", "next-job", "arm", "cancel", "again"};
  return names[static_cast<std::size_t>(kind)];
}

void print(std::ostream& out, const std::vector<Op>& ops) {
  for (const Op& op : ops) {
    out << ' ' << name(op.kind);
    if (op.kind == Kind::Post || op.kind == Kind::Block || op.kind == Kind::Arm || op.kind == Kind::Cancel) {
      out << ' ' << op.index;
    }
    if (op.kind == Kind::Again) out << ' ' << op.d.count() << " times";
    if (op.kind == Kind::Arm || op.kind == Kind::Compute || op.kind == Kind::Sleep) {
      out << (op.kind == Kind::Arm ? " in " : " ") << op.d / 1us << " us";
    }
    out << ';';
  }
  out << '\n';
}

}  // namespace

Program generate(std::uint64_t seed) { return Generator(seed).make(); }

std::size_t small_programs() noexcept { return 4; }

Program small_program(std::size_t which) {
  Program program;
  program.seed = which;
  program.max_runners = 2;
  const JobPlan step{};
  switch (which) {
    case 0:  // a post meets a runner that parks
      program.jobs = {step};
      program.threads = {{{Kind::Post, 0, {}}}};
      break;
    case 1:  // two posts at a time
      program.jobs = {step, step};
      program.threads = {{{Kind::Post, 0, {}}}, {{Kind::Post, 1, {}}}};
      break;
    case 2:  // a job that blocks has posted another one
      program.tokens = {700us};
      program.jobs = {{JobKind::Blocking, Lane::Ready, {{Kind::Post, 1, {}}, {Kind::Block, 0, {}}}}, step};
      program.threads = {{{Kind::Post, 0, {}}}};
      break;
    default:  // a timer meets its cancellation
      program.timers = {1};
      program.jobs = {step};
      program.threads = {{{Kind::Arm, 0, 30us}, {Kind::Cancel, 0, {}}, {Kind::Post, 0, {}}}};
      break;
  }
  return program;
}

std::ostream& operator<<(std::ostream& out, const Program& p) {
  out << "program " << p.seed << ": " << p.runners << " to " << p.max_runners << " runners"
      << (p.store_buffers ? ", store buffers" : "") << (p.membarrier ? "" : ", no membarrier")
      << (p.spurious != 0 ? ", spurious wake-ups" : "") << (p.stalls != 0 ? ", stalls" : "")
      << (p.late != 0 ? ", late timers" : "") << (p.refused != 0 ? ", threads refused" : "") << "; stopped when "
      << (p.stop_at == Program::StopAt::Done    ? "all jobs have ended"
          : p.stop_at == Program::StopAt::Begun ? "all jobs have begun"
          : p.leaves_timers                     ? "its threads have ended, with timers pending"
                                                : "its threads have ended")
      << '\n';
  for (std::size_t i = 0; i < p.tokens.size(); ++i) out << "  token " << i << " after " << p.tokens[i] / 1us << " us\n";
  for (std::size_t i = 0; i < p.timers.size(); ++i) {
    if (p.timers[i] < p.jobs.size()) out << "  timer " << i << " posts job " << p.timers[i] << '\n';
  }
  constexpr std::array<const char*, 3> kinds{"step", "plain", "blocking"};
  constexpr std::array<const char*, 4> lanes{"control", "stop", "ready", "fresh"};
  for (std::size_t i = 0; i < p.jobs.size(); ++i) {
    out << "  job " << i << " (" << kinds[static_cast<std::size_t>(p.jobs[i].kind)] << ", "
        << lanes[static_cast<std::size_t>(p.jobs[i].lane)] << "):";
    print(out, p.jobs[i].ops);
  }
  if (!p.before_start.empty()) {
    out << "  before start:";
    print(out, p.before_start);
  }
  for (std::size_t i = 0; i < p.threads.size(); ++i) {
    out << "  thread " << i << ":";
    print(out, p.threads[i]);
  }
  return out;
}

}  // namespace engin::lower
