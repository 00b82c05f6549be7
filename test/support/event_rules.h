// Judges a whole event log: whether each task's events form a legal sequence, and what of the design's invariants (S1
// to S12) events can witness. Knows nothing of the library's inside, so that it can be wrong only by itself.
#ifndef ENGIN_TEST_SUPPORT_EVENT_RULES_H_
#define ENGIN_TEST_SUPPORT_EVENT_RULES_H_

#include <set>
#include <string>
#include <vector>

#include "engin/event.h"
#include "engin/snapshot.h"

namespace engin::test {

/// What the log alone does not tell.
struct EventRules {
  /// Their failed calls do not end the attempt.
  std::set<TaskId> periodic = {};
  /// They have a shutdown hook, so that S3 can be checked for its absence too.
  std::set<TaskId> hooked = {};
  /// restart() was called: an attempt may come earlier than its backoff, and after the end.
  bool by_hand = false;
  /// Virtual time: an attempt comes exactly when it was announced, and no event overtakes another.
  bool exact = true;
  /// The shutdown's deadline came: hooks may not have started, attempts not have ended.
  bool deadline_came = false;
};

/// One sentence per violation.
std::vector<std::string> violations(const std::vector<Event>& log, const EventRules& rules = {});

/// Delivered plus undelivered = counters (S9). The log must be complete and the supervisor at rest.
std::vector<std::string> count_violations(const std::vector<Event>& log, const SupervisorSnapshot& totals,
                                          const EventRules& rules = {});

}  // namespace engin::test

#endif  // ENGIN_TEST_SUPPORT_EVENT_RULES_H_
