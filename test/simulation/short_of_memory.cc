#include "test/simulation/short_of_memory.h"

#include <cstdlib>
#include <new>

#include "test/support/sanitizers.h"

namespace engin::simulation {

namespace {
thread_local int until_failure = 0;
}  // namespace

ShortOfMemory::ShortOfMemory(int nth) noexcept : armed_(nth > 0 && !test::under_tsan) {
  if (armed_) until_failure = nth;
}
ShortOfMemory::~ShortOfMemory() {
  if (armed_) until_failure = 0;
}
bool ShortOfMemory::has_struck() const noexcept { return armed_ && until_failure == 0; }

namespace {

[[maybe_unused]] void* take(std::size_t size) noexcept {
  if (until_failure > 0 && --until_failure == 0) return nullptr;
  return std::malloc(size != 0 ? size : 1);
}

}  // namespace

}  // namespace engin::simulation

#ifndef ENGIN_UNDER_TSAN
// NOLINTBEGIN(misc-new-delete-overloads)
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"  // both are replaced here, by malloc and free
#endif
void* operator new(std::size_t size) {
  if (void* memory = engin::simulation::take(size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return engin::simulation::take(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
// NOLINTEND(misc-new-delete-overloads)
#endif
