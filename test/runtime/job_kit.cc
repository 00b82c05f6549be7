#include "test/runtime/job_kit.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>

namespace engin::runtime {
namespace {

std::vector<std::string> threads() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream file(entry.path() / "comm");
    // One that ended meanwhile has no name.
    if (std::string name; std::getline(file, name)) names.push_back(name);
  }
  return names;
}

}  // namespace

bool falls_quiet(const std::function<bool()>& stretch, long most) {
  const auto switches = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nvcsw;
  };
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < end) {
    const long before = switches();
    if (!stretch()) return false;
    if (switches() - before <= most) return true;
  }
  return false;
}

int thread_count() {
  // ThreadSanitizer adds a thread of its own when the first one is created.
  [[maybe_unused]] static const bool first_created = [] {
    std::thread([] {}).join();
    return true;
  }();
  return static_cast<int>(threads().size());
}

std::string thread_names() {
  std::string text;
  for (const auto& name : threads()) text += name + "\n";
  return text;
}

}  // namespace engin::runtime
