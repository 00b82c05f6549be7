#ifndef ENGIN_LIB_BASE_PROCESSORS_H_
#define ENGIN_LIB_BASE_PROCESSORS_H_

namespace engin::base {

/// How many processors this process may use: the smaller of its affinity mask and its control group's quota (cgroup v2
/// cpu.max, v1 cpu.cfs_quota_us; rounded up), at least 1.
int available_processors() noexcept;

}  // namespace engin::base

#endif  // ENGIN_LIB_BASE_PROCESSORS_H_
