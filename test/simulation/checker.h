// The invariants of a supervisor, each a small judge over what was seen. None knows the library's inside.
//
// To add one: derive from Checker in the file it belongs to, add it to make_checkers(), and add to checkers_test.cc a
// log that it must not accept.
#ifndef ENGIN_TEST_SIMULATION_CHECKER_H_
#define ENGIN_TEST_SIMULATION_CHECKER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "test/simulation/record.h"
#include "test/simulation/scenario.h"

namespace engin::simulation {

struct Finding {
  std::string invariant;
  std::string text;
  TimePoint time{};
};

class Checker {
 public:
  explicit Checker(std::string_view id) : id_(id) {}
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;
  virtual ~Checker() = default;

  std::string_view id() const noexcept { return id_; }
  /// Before each run.
  void begin(const Scenario& scenario, std::vector<Finding>& findings) {
    scenario_ = &scenario;
    findings_ = &findings;
    reset();
  }
  virtual void see(const Record& record) = 0;
  virtual void finish(const Final&) {}

 protected:
  virtual void reset() = 0;
  const Scenario& scenario() const noexcept { return *scenario_; }
  const TaskPlan& plan(int task) const { return scenario_->tasks[static_cast<std::size_t>(task)]; }
  void fail(int task, TimePoint time, std::string text) {
    if (findings_->size() >= 20) return;
    if (task >= 0) text = "task " + plan(task).options.name + ": " + text;
    findings_->push_back({std::string(id_), std::move(text), time});
  }
  void fail(const Record& r, std::string text) { fail(r.task, r.time, std::move(text)); }

 private:
  std::string_view id_;
  const Scenario* scenario_ = nullptr;
  std::vector<Finding>* findings_ = nullptr;
};

/// One with a note per task.
template <class Note>
class TaskChecker : public Checker {
 public:
  using Checker::Checker;

 protected:
  void reset() override { notes_.assign(scenario().tasks.size(), Note()); }
  Note& of(int task) { return notes_[static_cast<std::size_t>(task)]; }
  Note& of(const Record& r) { return of(r.task); }
  std::vector<Note> notes_;
};

using Checkers = std::vector<std::unique_ptr<Checker>>;
/// One of each.
Checkers make_checkers();
void add_attempt_checkers(Checkers& to);  // S1, S2, S8, S10, S11, S12, T1
void add_stop_checkers(Checkers& to);     // S3 to S7, T2, L1, M1
void add_log_checkers(Checkers& to);      // S9

inline bool is_event(const Record& r, EventKind kind) { return r.what == What::Event && r.kind == kind; }

}  // namespace engin::simulation

#endif  // ENGIN_TEST_SIMULATION_CHECKER_H_
