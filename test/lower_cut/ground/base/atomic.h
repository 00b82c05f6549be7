// Stands before lib/base/atomic.h: each access is a point at which another simulated thread may go on.
#ifndef ENGIN_TEST_LOWER_CUT_GROUND_BASE_ATOMIC_H_
#define ENGIN_TEST_LOWER_CUT_GROUND_BASE_ATOMIC_H_

#include <atomic>
#include <cstdint>
#include <cstring>
#include <source_location>

#include "test/lower_cut/machine.h"

namespace engin::base {

template <class T>
class Atomic {
  static_assert(sizeof(T) <= sizeof(std::uint64_t));
  using Machine = lower::Machine;
  using Order = std::memory_order;
  using Where = std::source_location;

 public:
  Atomic() noexcept : Atomic(T()) {}
  Atomic(T value) noexcept : cell_(bits(value)) {}  // NOLINT(google-explicit-constructor): as std::atomic's
  Atomic(const Atomic&) = delete;
  Atomic& operator=(const Atomic&) = delete;

  T load(Order order = Order::seq_cst, Where where = Where::current()) const noexcept {
    Machine* machine = Machine::here();
    return value(machine != nullptr ? machine->load(cell_, order, where) : cell_.value());
  }
  void store(T desired, Order order = Order::seq_cst, Where where = Where::current()) noexcept {
    if (Machine* machine = Machine::here()) {
      machine->store(cell_, bits(desired), order, where);
    } else {
      cell_.set_value(bits(desired));
    }
  }
  T exchange(T desired, Order order = Order::seq_cst, Where where = Where::current()) noexcept {
    return modify([desired](T) { return desired; }, order, where);
  }
  T fetch_add(T n, Order order = Order::seq_cst, Where where = Where::current()) noexcept {
    return modify([n](T before) { return static_cast<T>(before + n); }, order, where);
  }
  T fetch_sub(T n, Order order = Order::seq_cst, Where where = Where::current()) noexcept {
    return modify([n](T before) { return static_cast<T>(before - n); }, order, where);
  }

  const lower::Cell& cell() const noexcept { return cell_; }

 private:
  static std::uint64_t bits(T value) noexcept {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof value);
    return bits;
  }
  static T value(std::uint64_t bits) noexcept {
    T value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
  template <class Change>
  T modify(Change change, Order order, Where where) noexcept {
    const auto change_bits = [&](std::uint64_t before) { return bits(change(value(before))); };
    if (Machine* machine = Machine::here()) return value(machine->modify(cell_, change_bits, order, where));
    const std::uint64_t before = cell_.value();
    cell_.set_value(change_bits(before));
    return value(before);
  }

  lower::Cell cell_;
};

inline void thread_fence(std::memory_order order,
                         std::source_location where = std::source_location::current()) noexcept {
  if (lower::Machine* machine = lower::Machine::here()) machine->fence(order, where);
}

}  // namespace engin::base

#endif  // ENGIN_TEST_LOWER_CUT_GROUND_BASE_ATOMIC_H_
