// The one thread-local of the library: in whose job the calling thread is. It lies at the bottom because the virtual
// world must carry it along when it switches fibers.
#ifndef ENGIN_LIB_BASE_CONTEXT_SLOT_H_
#define ENGIN_LIB_BASE_CONTEXT_SLOT_H_

namespace engin::base {

/// Of the calling thread (or fiber): a supervisor's JobContext, or null. Not inline: a coroutine may go on on another
/// thread, and a compiler may keep the address of a thread-local across a suspension.
void* context_slot() noexcept;
/// Returns what was there.
void* set_context_slot(void* context) noexcept;

}  // namespace engin::base

#endif  // ENGIN_LIB_BASE_CONTEXT_SLOT_H_
