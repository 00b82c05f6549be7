// An Engin under test, in virtual time.
#ifndef ENGIN_TEST_HOST_ENGIN_KIT_H_
#define ENGIN_TEST_HOST_ENGIN_KIT_H_

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engin/engin.h"
#include "engin/testing/virtual_runtime.h"

using Log = std::vector<std::string>;

/// Logs when it is made and destroyed. In no namespace, so that the texts under test name it so.
template <int N>
struct Part {
  explicit Part(Log& l) : log(&l) { log->push_back("make " + std::to_string(N)); }
  Part(const Part&) = delete;
  ~Part() { log->push_back("destroy " + std::to_string(N)); }
  Log* log;
};

class EnginTest : public ::testing::Test {
 protected:
  engin::SupervisorOptions options() { return {.default_observer = false, .runtime = world}; }
  /// A lifecycle hook that logs.
  engin::LifecycleHook logging(const std::string& name) {
    return {.name = name,
            .on_start = [this, name] { log.push_back("start " + name); },
            .on_stop = [this, name] { log.push_back("stop " + name); }};
  }
  engin::testing::VirtualRuntime world{1};
  Log log;
};

#endif  // ENGIN_TEST_HOST_ENGIN_KIT_H_
