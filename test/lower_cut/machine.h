// A machine of its own: threads, memory, mutexes, futexes and time, all on the calling thread, in an order that a
// Strategy decides.
#ifndef ENGIN_TEST_LOWER_CUT_MACHINE_H_
#define ENGIN_TEST_LOWER_CUT_MACHINE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <vector>

#include "engin/detail/time.h"
#include "test/simulation/strategy.h"

namespace engin::lower {

inline constexpr std::size_t kMostThreads = 32;

/// What has happened before: for each thread, how far.
class Clocks {
 public:
  std::uint32_t& operator[](std::size_t thread) noexcept { return at_[thread]; }
  std::uint32_t operator[](std::size_t thread) const noexcept { return at_[thread]; }
  void join(const Clocks& other) noexcept {
    for (std::size_t i = 0; i < kMostThreads; ++i) at_[i] = at_[i] < other.at_[i] ? other.at_[i] : at_[i];
  }

 private:
  std::array<std::uint32_t, kMostThreads> at_{};
};

class Machine;
struct SimThread;

/// A word of shared memory. Its value, and what who acquires it gets to see.
class Cell {
 public:
  explicit Cell(std::uint64_t value) noexcept : value_(value) {}
  Cell(const Cell&) = delete;
  Cell& operator=(const Cell&) = delete;
  ~Cell();
  // Outside a machine.
  std::uint64_t value() const noexcept { return value_; }
  void set_value(std::uint64_t value) noexcept { value_ = value; }

 private:
  friend class Machine;
  std::uint64_t value_;
  bool releases_ = false;
  volatile bool alive_ = true;
  Clocks clocks_;
};

/// Data that no two threads may touch without one of the touches having happened before the other: by the memory
/// orders that the code asks for, not by what this machine happens to do.
class PlainData {
 public:
  void touch(const char* what) noexcept;

 private:
  std::size_t last_thread_ = 0;
  std::uint32_t last_time_ = 0;
};

class SimMutex {
 public:
  SimMutex() = default;
  SimMutex(const SimMutex&) = delete;
  SimMutex& operator=(const SimMutex&) = delete;
  ~SimMutex();
  void lock(std::source_location where = std::source_location::current()) noexcept;
  void unlock(std::source_location where = std::source_location::current()) noexcept;
  void lock_shared(std::source_location where = std::source_location::current()) noexcept;
  void unlock_shared(std::source_location where = std::source_location::current()) noexcept;

 private:
  friend class Machine;
  SimThread* owner_ = nullptr;
  int readers_ = 0;
  Clocks clocks_;
};

/// Why a thread does not go on.
enum class Wait : std::uint8_t { None, Futex, Mutex, Join, Sleep, Event };

struct SimThread {
  std::size_t id = 0;
  std::string name;
  bool finished = false;
  bool detached = false;
  // While it waits.
  Wait wait = Wait::None;
  const void* wait_for = nullptr;
  std::uint64_t wait_turn = 0;
  TimePoint deadline = TimePoint::max();
  bool timed_out = false;
  bool yielded = false;
  // What it computes counts as processor time.
  bool computes = false;
  Duration processor_time{};
  TimePoint computes_since{};
  /// Of the program that runs: which job, from 0; -1: none.
  int job = -1;
  void* own = nullptr;  // base::this_thread::own

  struct Pending {  // a store, or (cell null) an unlock, that the others do not see yet
    Cell* cell;
    SimMutex* mutex;
    std::uint64_t value;
    bool releases;
    Clocks clocks{};
  };
  std::deque<Pending> buffer;
  Clocks clocks;
  Clocks to_acquire;  // by a fence to come
  Clocks released;    // by a fence before
  bool fence_released = false;

  std::function<void()> main;
  void* carrier = nullptr;
};

/// Memory is that of x86: each thread has a buffer of stores that it alone sees, which drains in order at some later
/// time; what is sequentially consistent, read-modify-write or a lock drains it first. An unlock may wait in the buffer
/// as well, as C++ allows. A heavy AsymmetricFence drains all buffers. Acquire and release have no effect on values,
/// but PlainData judges by them, so what is missing for weaker machines is found where it protects such data.
class Machine {
 public:
  struct Options {
    bool store_buffers = true;
    bool membarrier = true;            // or else the kernel does not help with asymmetric fences
    std::uint32_t delayed = 4;         // one store in so many waits in the buffer
    std::uint32_t spurious = 0;        // one futex wait in so many returns at once
    std::uint32_t stalls = 0;          // one look at the clock in so many finds that much time has passed
    std::uint32_t late = 0;            // one sleep of all in so many lasts until a later deadline
    std::uint32_t refused = 0;         // one thread in so many cannot be had
    std::size_t most_steps = 200'000;  // more: it does not come to rest
    std::function<void(const std::string&)> trace = {};
  };

  Machine(simulation::Strategy& strategy, Options options);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  /// The one that the caller runs in; null outside.
  static Machine* here() noexcept { return here_; }

  /// Runs `main` in a thread, until all threads have ended, or something failed. `at_rest` is called whenever nothing
  /// can happen without time.
  void run(std::function<void()> main, std::function<void()> at_rest);
  /// What went wrong first; empty: nothing.
  const std::string& failure() const noexcept { return failure_; }
  /// Does not return inside the machine.
  void fail(const std::string& what);

  SimThread& running() noexcept { return *running_; }
  const std::vector<std::unique_ptr<SimThread>>& threads() const noexcept { return threads_; }
  TimePoint now() const noexcept { return now_; }
  /// Without the time that passed in stalls.
  TimePoint awake() const noexcept { return now_ - stalled_; }
  bool refuses_thread();
  void refuse_no_more() noexcept { options_.refused = 0; }
  std::size_t refusals() const noexcept { return refusals_; }
  /// As awake().
  TimePoint latest_refusal() const noexcept { return latest_refusal_; }
  std::size_t steps() const noexcept { return steps_; }
  std::size_t choices() const noexcept { return choices_; }
  std::uint64_t schedule() const noexcept { return schedule_; }
  bool membarrier() const noexcept { return options_.membarrier; }
  simulation::Strategy& strategy() noexcept { return strategy_; }
  bool is_traced() const noexcept { return static_cast<bool>(options_.trace); }
  void trace(const std::string& line);

  /// While one lives, what runs is not interrupted, as a debugger would look.
  class Looking {
   public:
    Looking() noexcept { ++here_->looking_; }
    Looking(const Looking&) = delete;
    Looking& operator=(const Looking&) = delete;
    ~Looking() { --here_->looking_; }
  };

  // --- What the primitives do. ---

  using Order = std::memory_order;
  using Where = std::source_location;
  std::uint64_t load(const Cell& cell, Order order, Where where);
  void store(Cell& cell, std::uint64_t value, Order order, Where where);
  /// Replaces the value by change(value); returns the one before.
  template <class Change>
  std::uint64_t modify(Cell& cell, Change change, Order order, Where where) {
    before_modify(cell, where);
    const std::uint64_t before = cell.value_;
    cell.value_ = change(before);
    after_modify(cell, before, order, where);
    return before;
  }
  void fence(Order order, Where where);
  void drain_all(Where where);
  bool futex_wait(const Cell& cell, std::uint32_t expected, TimePoint deadline);
  void futex_wake(const Cell& cell, int count);
  void lock(SimMutex& mutex, bool shared, Where where);
  void unlock(SimMutex& mutex, bool shared, Where where);
  TimePoint read_clock();
  void yield();
  /// Others may go first.
  void yield_point() { point("start", nullptr, {}); }

  SimThread& start_thread(std::string name, std::function<void()> main);
  /// False: it did not end by then.
  bool join(SimThread& thread, TimePoint deadline);

  // --- For the program that runs in it. ---

  void sleep_until(TimePoint t, bool computing);
  /// Until the event of this name has happened.
  void wait_event(const void* event);
  void happened(const void* event);

 private:
  friend class Cell;
  friend class PlainData;
  friend class SimMutex;
  struct Carrier;
  class CarrierPool;

  static void carry(void* carrier);
  void point(const char* what, const void* object, Where where);
  void describe(const char* what, const void* object, std::uint64_t value, Where where);
  void schedule_next();
  void switch_to(SimThread& thread);
  void block(Wait wait, const void* object, TimePoint deadline);
  void wake(SimThread& thread) noexcept;
  std::size_t wake_all(Wait wait, const void* object, std::size_t most) noexcept;
  bool pass_time();
  void now_is(TimePoint t) noexcept;
  void drain_one(SimThread& thread);
  void drain(SimThread& thread);
  void drain_to(const Cell* cell, const SimMutex* mutex);
  void before_modify(Cell& cell, Where where);
  void after_modify(Cell& cell, std::uint64_t before, Order order, Where where);
  void release(Clocks& into) noexcept;
  void check_alive(const Cell& cell);
  bool free(const SimMutex& mutex, bool shared) const noexcept;
  [[noreturn]] void leave_for_good();
  void finish_running();

  static inline Machine* here_ = nullptr;

  simulation::Strategy& strategy_;
  Options options_;
  std::vector<std::unique_ptr<SimThread>> threads_;
  std::vector<std::size_t> free_ids_;
  SimThread* running_ = nullptr;
  std::uint32_t runnable_ = 0;  // bit: thread
  std::uint32_t buffered_ = 0;
  TimePoint now_;
  TimePoint first_deadline_ = TimePoint::max();
  Duration stalled_{};
  std::function<void()> at_rest_;
  std::string failure_;
  int looking_ = 0;
  std::size_t steps_ = 0;
  std::size_t choices_ = 0;
  std::uint64_t schedule_ = 0;
  std::uint64_t turns_ = 0;
  std::size_t refusals_ = 0;
  TimePoint latest_refusal_{};
  std::unique_ptr<Carrier> outside_;
};

}  // namespace engin::lower

#endif  // ENGIN_TEST_LOWER_CUT_MACHINE_H_
