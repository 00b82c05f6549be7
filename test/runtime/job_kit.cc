#include "test/runtime/job_kit.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

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
