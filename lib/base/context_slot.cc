#include "base/context_slot.h"

#include <utility>

namespace engin::base {
namespace {
thread_local void* slot = nullptr;
}  // namespace

void* context_slot() noexcept { return slot; }
void* set_context_slot(void* context) noexcept { return std::exchange(slot, context); }

}  // namespace engin::base
