// The world of production: threads, and the monotonic clock.
#ifndef ENGIN_LIB_RUNTIME_THREADED_RUNTIME_H_
#define ENGIN_LIB_RUNTIME_THREADED_RUNTIME_H_

#include <cstddef>
#include <memory>
#include <string>

#include "runtime/runtime.h"

namespace engin::runtime {

struct ThreadedOptions {
  /// The threads' names begin with it. Empty: "engin".
  std::string name = {};
  /// Threads that run jobs while none of them blocks; at least 1.
  int runners = 1;
  /// The most threads that run jobs; at least `runners`.
  int max_runners = 1024;
  /// Bytes.
  std::size_t runner_stack_size = std::size_t{1} << 20;
};

/// A runtime that is not started yet. Once started it lives, owned by its threads, until stop().
std::shared_ptr<Runtime> make_threaded_runtime(const ThreadedOptions& options);

}  // namespace engin::runtime

#endif  // ENGIN_LIB_RUNTIME_THREADED_RUNTIME_H_
