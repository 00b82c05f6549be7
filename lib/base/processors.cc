#include "base/processors.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>
#include <thread>

#include <sched.h>

namespace engin::base {

namespace {

int affinity() noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return static_cast<int>(std::thread::hardware_concurrency());  // more processors than the set has room for
}

/// "max 100000" or "150000 100000".
int quota_of(const std::string& cpu_max) {
  const auto space = cpu_max.find(' ');
  if (space == std::string::npos || cpu_max.starts_with("max")) return 0;
  const double period = std::stod(cpu_max.substr(space + 1));
  return period > 0 ? static_cast<int>(std::ceil(std::stod(cpu_max) / period)) : 0;
}

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// 0: no quota. A group's quota also binds the groups in it, so each level up to the root is looked at.
int cgroup_quota() {
  int quota = 0;
  const auto take = [&](int q) {
    if (q > 0) quota = quota == 0 ? q : std::min(quota, q);
  };
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    if (!line.starts_with("0::")) continue;
    for (std::string path = line.substr(3);; path.resize(path.find_last_of('/'))) {
      take(quota_of(first_line("/sys/fs/cgroup" + path + "/cpu.max")));
      if (path.find('/') == std::string::npos) break;
    }
  }
  const std::string v1 = first_line("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  const std::string period = first_line("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  if (!v1.empty() && v1[0] != '-' && !period.empty()) take(quota_of(v1 + " " + period));
  return quota;
}

}  // namespace

int available_processors() noexcept {
  int n = std::max(1, affinity());
  try {
    if (const int quota = cgroup_quota(); quota > 0) n = std::min(n, quota);
  } catch (...) {  // a file that reads differently from what is documented: the affinity alone
  }
  return n;
}

}  // namespace engin::base
