// Memory that runs out. The programs of this folder have an operator new of their own.
#ifndef ENGIN_TEST_SIMULATION_SHORT_OF_MEMORY_H_
#define ENGIN_TEST_SIMULATION_SHORT_OF_MEMORY_H_

namespace engin::simulation {

/// While it lives, one allocation of this thread throws bad_alloc: the `nth`, from 1; 0: none. Not under
/// ThreadSanitizer, whose allocator cannot be replaced.
class ShortOfMemory {
 public:
  explicit ShortOfMemory(int nth) noexcept;
  ShortOfMemory(const ShortOfMemory&) = delete;
  ShortOfMemory& operator=(const ShortOfMemory&) = delete;
  ~ShortOfMemory();

  bool has_struck() const noexcept;

 private:
  bool armed_;
};

}  // namespace engin::simulation

#endif  // ENGIN_TEST_SIMULATION_SHORT_OF_MEMORY_H_
