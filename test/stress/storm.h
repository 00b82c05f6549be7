// Lives of a supervisor on real threads: tasks of all kinds that fail, wait and end, threads that start, stop, restart
// and remove them at random, and a shutdown at a random moment. What is asked and in which order comes from a seed;
// what meets what, from the threads.
#ifndef ENGIN_TEST_STRESS_STORM_H_
#define ENGIN_TEST_STRESS_STORM_H_

#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

namespace engin::stress {

struct StormOptions {
  std::uint64_t seed = 1;
  int runners = 2;
  int threads = 4;
  int actions = 300;  // of each thread, at most
};

/// One life. What was not as it must be, as text; nothing if all was well. `alive` is called now and then.
std::vector<std::string> storm(const StormOptions& options, const std::function<void()>& alive);

/// What the supervisor of the life that is going on says of itself. Any thread.
void tell_of_present_life(std::ostream& out);

/// Makes the next life hang: a task that never ends, and no deadline. To see the watchdog bark.
void hang_next_life();

/// Bytes that this process occupies.
std::size_t resident_memory();

/// How much the sanitizer that this is built with slows it down; 1 without.
constexpr int slowdown() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return 8;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  return 8;
#else
  return 1;
#endif
#else
  return 1;
#endif
}

}  // namespace engin::stress

#endif  // ENGIN_TEST_STRESS_STORM_H_
