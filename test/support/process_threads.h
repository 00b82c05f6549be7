// How many threads there are, as the system counts them.
#ifndef ENGIN_TEST_SUPPORT_PROCESS_THREADS_H_
#define ENGIN_TEST_SUPPORT_PROCESS_THREADS_H_

#include <filesystem>
#include <iterator>

namespace engin::test {

inline int threads_of_this_process() {
  return static_cast<int>(std::distance(std::filesystem::directory_iterator("/proc/self/task"), {}));
}

}  // namespace engin::test

#endif  // ENGIN_TEST_SUPPORT_PROCESS_THREADS_H_
