#include "test/runtime/job_kit.h"

#include <filesystem>
#include <iterator>

namespace engin::runtime {

int thread_count() {
  return static_cast<int>(std::distance(std::filesystem::directory_iterator("/proc/self/task"), {}));
}

}  // namespace engin::runtime
