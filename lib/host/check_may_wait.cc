#include "engin/detail/access.h"
#include "supervisor/core.h"

namespace engin::detail {

void Access::check_may_wait(const Supervisor& supervisor, std::string_view what) {
  supervisor.core_->check_may_wait(what);
}

}  // namespace engin::detail
