#include "test/lower_cut/machine.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/fiber.h"

namespace engin::lower {

namespace {

constexpr TimePoint kBeginning = TimePoint(std::chrono::hours(24));
/// A look at the clock costs so much, so that who spins until a moment gets there.
constexpr Duration kTick = std::chrono::nanoseconds(2500);
constexpr std::size_t kMostKept = 64;
/// Names of the buffers, as opposed to their threads, for the strategy.
constexpr std::uint64_t kBufferOf = 1000;

bool acquires(std::memory_order order) noexcept {
  return order != std::memory_order_relaxed && order != std::memory_order_release;
}
bool does_release(std::memory_order order) noexcept {
  return order == std::memory_order_release || order == std::memory_order_acq_rel || order == std::memory_order_seq_cst;
}
constexpr std::uint32_t bit(std::size_t id) noexcept { return std::uint32_t{1} << id; }

}  // namespace

/// A fiber that runs one thread after another, in one machine after another.
struct Machine::Carrier {
  Carrier() : fiber(std::make_unique<runtime::Fiber>(&Machine::carry, nullptr)) {}
  explicit Carrier(std::nullptr_t) : fiber(std::make_unique<runtime::Fiber>()) {}
  std::unique_ptr<runtime::Fiber> fiber;
};

class Machine::CarrierPool {
 public:
  static CarrierPool& here() {
    thread_local CarrierPool pool;
    return pool;
  }
  std::unique_ptr<Carrier> take() {
    if (kept_.empty()) return std::make_unique<Carrier>();
    std::unique_ptr<Carrier> carrier = std::move(kept_.back());
    kept_.pop_back();
    return carrier;
  }
  void give_back(std::unique_ptr<Carrier> carrier) {
    if (kept_.size() < kMostKept) kept_.push_back(std::move(carrier));
  }

 private:
  std::vector<std::unique_ptr<Carrier>> kept_;
};

Machine::Machine(simulation::Strategy& strategy, Options options)
    : strategy_(strategy),
      options_(std::move(options)),
      now_(kBeginning),
      outside_(std::make_unique<Carrier>(nullptr)) {}

Machine::~Machine() {
  for (const auto& thread : threads_) {
    std::unique_ptr<Carrier> carrier(static_cast<Carrier*>(thread->carrier));
    // One that was left in the middle is of no more use.
    if (carrier != nullptr && thread->finished) CarrierPool::here().give_back(std::move(carrier));
  }
}

void Machine::run(std::function<void()> main, std::function<void()> at_rest) {
  at_rest_ = std::move(at_rest);
  Machine* const outer = std::exchange(here_, this);
  SimThread& first = start_thread("main", std::move(main));
  first.detached = true;
  running_ = &first;
  runtime::Fiber::change(*outside_->fiber, *static_cast<Carrier*>(first.carrier)->fiber);
  running_ = nullptr;
  here_ = outer;
}

void Machine::carry(void*) {
  for (;;) {
    here_->running_->main();
    here_->finish_running();
  }
}

void Machine::fail(const std::string& what) {
  if (failure_.empty()) failure_ = what;
  if (is_traced()) trace("FAILED: " + what);
  if (running_ != nullptr) leave_for_good();
}

void Machine::leave_for_good() {
  running_->finished = false;  // so that its fiber, which is left in the middle, is not used again
  runtime::Fiber::change(*static_cast<Carrier*>(running_->carrier)->fiber, *outside_->fiber);
  std::abort();  // nobody comes back
}

void Machine::trace(const std::string& line) {
  const auto time = std::chrono::duration_cast<std::chrono::microseconds>(now_ - kBeginning).count();
  options_.trace(std::to_string(time) + " us " + (running_ != nullptr ? running_->name : "") + ": " + line);
}

void Machine::describe(const char* what, const void* object, std::uint64_t value, Where where) {
  const char* file = std::strrchr(where.file_name(), '/');
  std::string line = what;
  (void)object;
  if (value != ~std::uint64_t{0}) line += ' ' + std::to_string(static_cast<std::int64_t>(value));
  if (where.line() != 0) {
    line += std::string("  (") + (file != nullptr ? file + 1 : where.file_name()) + ':' + std::to_string(where.line());
    line += std::string(", ") + where.function_name() + ')';
  }
  trace(line);
}

// --- Threads. ---

SimThread& Machine::start_thread(std::string name, std::function<void()> main) {
  SimThread* thread = nullptr;
  if (running_ != nullptr) drain(*running_);  // what happened before is seen there
  // A place whose thread is gone is used again; its clock goes on.
  for (const auto& known : threads_) {
    if (known->finished && known->detached) {
      thread = known.get();
      break;
    }
  }
  if (thread == nullptr) {
    if (threads_.size() == kMostThreads) fail("more threads than the simulated machine has room for");
    thread = threads_.emplace_back(std::make_unique<SimThread>()).get();
    thread->id = threads_.size() - 1;
    std::unique_ptr<Carrier> carrier = CarrierPool::here().take();
    thread->carrier = carrier.release();
  }
  const std::uint32_t time = thread->clocks[thread->id];
  thread->name = std::move(name);
  thread->finished = thread->detached = thread->yielded = thread->computes = false;
  thread->processor_time = Duration::zero();
  thread->job = -1;
  thread->own = nullptr;
  thread->to_acquire = thread->released = Clocks();
  thread->fence_released = false;
  thread->clocks = Clocks();
  if (running_ != nullptr) release(thread->clocks);
  thread->clocks[thread->id] = time + 1;
  thread->main = std::move(main);
  wake(*thread);
  return *thread;
}

bool Machine::refuses_thread() {
  if (!strategy_.happens(options_.refused)) return false;
  ++refusals_;
  latest_refusal_ = awake();
  if (is_traced()) trace("gets no thread");
  return true;
}

void Machine::finish_running() {
  SimThread& me = *running_;
  // Here too: between its last load and the end of its stores others may run.
  point("end", nullptr, {});
  drain(me);
  me.finished = true;
  me.main = nullptr;
  runnable_ &= ~bit(me.id);
  if (is_traced()) trace("thread ends");
  wake_all(Wait::Join, &me, kMostThreads);
  schedule_next();
}

bool Machine::join(SimThread& thread, TimePoint deadline) {
  point("join", &thread, {});
  while (!thread.finished) {
    block(Wait::Join, &thread, deadline);
    if (running_->timed_out && !thread.finished) return false;
  }
  running_->clocks.join(thread.clocks);
  return true;
}

void Machine::wake(SimThread& thread) noexcept {
  thread.wait = Wait::None;
  thread.deadline = TimePoint::max();
  runnable_ |= bit(thread.id);
}

std::size_t Machine::wake_all(Wait wait, const void* object, std::size_t most) noexcept {
  std::size_t n = 0;
  while (n < most) {
    SimThread* first = nullptr;
    for (const auto& thread : threads_) {
      if (thread->wait != wait || thread->wait_for != object) continue;
      if (first == nullptr || thread->wait_turn < first->wait_turn) first = thread.get();
    }
    if (first == nullptr) break;
    wake(*first);
    ++n;
  }
  return n;
}

void Machine::block(Wait wait, const void* object, TimePoint deadline) {
  SimThread& me = *running_;
  if (looking_ != 0) fail("who only looks must not wait");
  drain(me);
  me.wait = wait;
  me.wait_for = object;
  me.wait_turn = ++turns_;
  me.deadline = deadline;
  me.timed_out = false;
  runnable_ &= ~bit(me.id);
  first_deadline_ = std::min(first_deadline_, deadline);
  if (deadline <= now_) {
    me.timed_out = true;
    wake(me);
  }
  schedule_next();
}

void Machine::switch_to(SimThread& thread) {
  SimThread& me = *running_;
  running_ = &thread;
  if (&me == &thread) return;
  runtime::Fiber::change(*static_cast<Carrier*>(me.carrier)->fiber, *static_cast<Carrier*>(thread.carrier)->fiber);
}

// Chooses who goes on, the running thread or another one, until somebody does.
void Machine::schedule_next() {
  std::array<std::uint64_t, 2 * kMostThreads> who;
  for (;;) {
    std::size_t n = 0;
    const bool goes_on = (runnable_ & bit(running_->id)) != 0;
    const bool first_runs = goes_on && !running_->yielded;
    if (first_runs) who[n++] = running_->id;
    for (std::uint32_t rest = runnable_; rest != 0; rest &= rest - 1) {
      const auto id = static_cast<std::size_t>(__builtin_ctz(rest));
      if (id != running_->id) who[n++] = id;
    }
    for (std::uint32_t rest = buffered_; rest != 0; rest &= rest - 1) {
      who[n++] = kBufferOf + static_cast<std::size_t>(__builtin_ctz(rest));
    }
    if (n == 0 && goes_on) who[n++] = running_->id;  // it yields to nobody
    if (n == 0) {
      if (pass_time()) continue;
      runtime::Fiber::change(*static_cast<Carrier*>(running_->carrier)->fiber, *outside_->fiber);
      return;
    }
    std::size_t pick = 0;
    if (n > 1) {
      pick = strategy_.next({who.data(), n}, first_runs);
      ++choices_;
      schedule_ = base::mix(schedule_ ^ (who[pick] << 8) ^ n);
    }
    if (who[pick] >= kBufferOf) {
      drain_one(*threads_[who[pick] - kBufferOf]);
      continue;
    }
    running_->yielded = false;
    switch_to(*threads_[who[pick]]);
    return;
  }
}

void Machine::point(const char* what, const void* object, Where where) {
  if (looking_ != 0) return;
  if (++steps_ > options_.most_steps) fail("it does not come to rest");
  schedule_next();
  if (is_traced()) describe(what, object, ~std::uint64_t{0}, where);
}

void Machine::yield() {
  running_->yielded = true;
  point("yield", nullptr, {});
}

// --- Time. ---

void Machine::now_is(TimePoint t) noexcept {
  now_ = std::max(now_, t);
  if (now_ < first_deadline_) return;
  first_deadline_ = TimePoint::max();
  for (const auto& thread : threads_) {
    if (thread->wait == Wait::None) continue;
    if (thread->deadline <= now_) {
      thread->timed_out = true;
      wake(*thread);
    } else {
      first_deadline_ = std::min(first_deadline_, thread->deadline);
    }
  }
}

// Nobody can go on: to the next deadline. False: everybody has ended.
bool Machine::pass_time() {
  bool all_ended = true;
  std::array<TimePoint, kMostThreads> deadlines;
  std::size_t n = 0;
  for (const auto& thread : threads_) {
    all_ended &= thread->finished;
    if (thread->wait != Wait::None && thread->deadline != TimePoint::max()) deadlines[n++] = thread->deadline;
  }
  if (all_ended) return false;
  at_rest_();
  if (n == 0) {
    std::string who;
    for (const auto& thread : threads_) {
      if (!thread->finished) who += (who.empty() ? "" : ", ") + thread->name;
    }
    fail("L2: these wait for ever: " + who);
  }
  std::sort(deadlines.begin(), deadlines.begin() + static_cast<std::ptrdiff_t>(n));
  // All may be late, so that the next ones are due as well.
  std::size_t until = 0;
  if (n > 1 && strategy_.happens(options_.late)) until = strategy_.choose(std::min<std::size_t>(n, 3));
  stalled_ += deadlines[until] - deadlines[0];
  first_deadline_ = deadlines[0];
  now_is(deadlines[until]);
  return true;
}

TimePoint Machine::read_clock() {
  if (looking_ != 0) return now_;
  Duration passed = kTick;
  if (strategy_.happens(options_.stalls)) {
    constexpr std::array<Duration, 4> stalls{std::chrono::microseconds(150), std::chrono::microseconds(1200),
                                             std::chrono::milliseconds(12), std::chrono::milliseconds(1100)};
    const Duration stall = stalls[strategy_.choose(stalls.size())];
    passed += stall;
    stalled_ += stall;
    if (is_traced()) trace("nothing runs for " + std::to_string(stall / std::chrono::microseconds(1)) + " us");
  }
  now_is(now_ + passed);
  return now_;
}

void Machine::sleep_until(TimePoint t, bool computing) {
  SimThread& me = *running_;
  point("sleep", nullptr, {});
  me.computes = computing;
  me.computes_since = now_;
  while (now_ < t) block(Wait::Sleep, nullptr, t);
  if (computing) me.processor_time += now_ - me.computes_since;
  me.computes = false;
}

void Machine::wait_event(const void* event) { block(Wait::Event, event, TimePoint::max()); }

void Machine::happened(const void* event) { wake_all(Wait::Event, event, kMostThreads); }

// --- Memory. ---

void Machine::check_alive(const Cell& cell) {
  if (!cell.alive_) fail("memory: an atomic is used after its end");
}

Cell::~Cell() {
  if (Machine* machine = Machine::here_) machine->drain_to(this, nullptr);
  alive_ = false;
}

// Whoever destroys something has seen all that others stored to it, or else they race.
void Machine::drain_to(const Cell* cell, const SimMutex* mutex) {
  if (buffered_ == 0) return;
  for (const auto& thread : threads_) {
    const auto meets = [&](const SimThread::Pending& p) { return p.cell == cell && p.mutex == mutex; };
    if (std::none_of(thread->buffer.begin(), thread->buffer.end(), meets)) continue;
    if (thread.get() != running_) fail("memory: a store meets what has been destroyed");
    drain(*thread);
    return;
  }
}

void Machine::release(Clocks& into) noexcept {
  into.join(running_->clocks);
  ++running_->clocks[running_->id];
}

std::uint64_t Machine::load(const Cell& cell, Order order, Where where) {
  point("load", &cell, where);
  check_alive(cell);
  SimThread& me = *running_;
  for (auto pending = me.buffer.rbegin(); pending != me.buffer.rend(); ++pending) {
    if (pending->cell == &cell) return pending->value;
  }
  if (cell.releases_ && looking_ == 0) (acquires(order) ? me.clocks : me.to_acquire).join(cell.clocks_);
  if (is_traced() && looking_ == 0) describe("  is", nullptr, cell.value_, {});
  return cell.value_;
}

void Machine::store(Cell& cell, std::uint64_t value, Order order, Where where) {
  point("store", &cell, where);
  check_alive(cell);
  SimThread& me = *running_;
  SimThread::Pending pending{&cell, nullptr, value, false, {}};
  if (does_release(order)) {
    pending.releases = true;
    release(pending.clocks);
  } else if (me.fence_released) {
    pending.releases = true;
    pending.clocks = me.released;
  }
  me.buffer.push_back(pending);
  buffered_ |= bit(me.id);
  const bool waits = options_.store_buffers && order != std::memory_order_seq_cst &&
                     (me.buffer.size() > 1 || strategy_.happens(options_.delayed));
  if (is_traced()) describe(waits ? "  later" : "  now", nullptr, value, {});
  if (!waits) drain(me);
}

void Machine::drain_one(SimThread& thread) {
  SimThread::Pending& pending = thread.buffer.front();
  if (pending.cell != nullptr) {
    check_alive(*pending.cell);
    pending.cell->value_ = pending.value;
    pending.cell->releases_ = pending.releases;
    pending.cell->clocks_ = pending.clocks;
    if (is_traced()) describe(("  store of " + thread.name + " is seen:").c_str(), nullptr, pending.value, {});
  } else {
    pending.mutex->owner_ = nullptr;
    pending.mutex->clocks_.join(pending.clocks);
    wake_all(Wait::Mutex, pending.mutex, kMostThreads);
  }
  thread.buffer.pop_front();
  if (thread.buffer.empty()) buffered_ &= ~bit(thread.id);
}

void Machine::drain(SimThread& thread) {
  while (!thread.buffer.empty()) drain_one(thread);
}

void Machine::drain_all(Where where) {
  point("heavy fence", nullptr, where);
  for (const auto& thread : threads_) drain(*thread);
}

void Machine::before_modify(Cell& cell, Where where) {
  point("modify", &cell, where);
  check_alive(cell);
  drain(*running_);
}

void Machine::after_modify(Cell& cell, std::uint64_t before, Order order, Where where) {
  SimThread& me = *running_;
  if (cell.releases_) (acquires(order) ? me.clocks : me.to_acquire).join(cell.clocks_);
  // It continues a release sequence, so what was released stays.
  if (does_release(order)) {
    cell.releases_ = true;
    release(cell.clocks_);
  } else if (me.fence_released) {
    cell.releases_ = true;
    cell.clocks_.join(me.released);
  }
  if (is_traced()) {
    describe("  from", nullptr, before, {});
    describe("  to", nullptr, cell.value_, {});
  }
  (void)where;
}

void Machine::fence(Order order, Where where) {
  if (order == std::memory_order_seq_cst) {
    point("fence", nullptr, where);
    drain(*running_);
  }
  SimThread& me = *running_;
  if (acquires(order)) me.clocks.join(me.to_acquire);
  if (does_release(order)) {
    me.released = me.clocks;
    me.fence_released = true;
    ++me.clocks[me.id];
  }
}

void PlainData::touch(const char* what) noexcept {
  Machine* machine = Machine::here();
  if (machine == nullptr || machine->running_ == nullptr || machine->looking_ != 0) return;
  SimThread& me = *machine->running_;
  if (me.clocks[last_thread_] < last_time_) {
    machine->fail(std::string("memory: a data race on ") + what + ", between " + me.name + " and " +
                  machine->threads_[last_thread_]->name);
  }
  last_thread_ = me.id;
  last_time_ = me.clocks[me.id];
}

// --- Futexes and mutexes. ---

bool Machine::futex_wait(const Cell& cell, std::uint32_t expected, TimePoint deadline) {
  point("futex wait", &cell, {});
  check_alive(cell);
  drain(*running_);
  if (strategy_.happens(options_.spurious)) return true;
  if (static_cast<std::uint32_t>(cell.value_) != expected) return true;
  if (is_traced()) trace(deadline == TimePoint::max() ? "  sleeps for ever" : "  sleeps");
  block(Wait::Futex, &cell, deadline);
  return !running_->timed_out;
}

void Machine::futex_wake(const Cell& cell, int count) {
  point("futex wake", &cell, {});
  drain(*running_);
  wake_all(Wait::Futex, &cell, static_cast<std::size_t>(count));
}

bool Machine::free(const SimMutex& mutex, bool shared) const noexcept {
  return mutex.owner_ == nullptr && (shared || mutex.readers_ == 0);
}

void Machine::lock(SimMutex& mutex, bool shared, Where where) {
  if (looking_ != 0) return;
  point("lock", &mutex, where);
  drain(*running_);
  if (mutex.owner_ == running_) fail("a mutex is locked twice");
  while (!free(mutex, shared)) block(Wait::Mutex, &mutex, TimePoint::max());
  if (shared) {
    ++mutex.readers_;
  } else {
    mutex.owner_ = running_;
  }
  running_->clocks.join(mutex.clocks_);
}

void Machine::unlock(SimMutex& mutex, bool shared, Where where) {
  if (looking_ != 0) return;
  SimThread& me = *running_;
  if (is_traced()) describe("unlock", &mutex, ~std::uint64_t{0}, where);
  if (!shared) {
    if (mutex.owner_ != &me) fail("a mutex is unlocked by another thread");
    me.buffer.push_back({nullptr, &mutex, 0, true, {}});
    buffered_ |= bit(me.id);
    release(me.buffer.back().clocks);
    if (me.buffer.size() == 1) drain(me);
    return;
  }
  drain(me);
  release(mutex.clocks_);
  --mutex.readers_;
  wake_all(Wait::Mutex, &mutex, kMostThreads);
}

SimMutex::~SimMutex() {
  if (Machine* machine = Machine::here_) machine->drain_to(nullptr, this);
}

void SimMutex::lock(std::source_location where) noexcept {
  if (Machine* machine = Machine::here()) machine->lock(*this, false, where);
}
void SimMutex::unlock(std::source_location where) noexcept {
  if (Machine* machine = Machine::here()) machine->unlock(*this, false, where);
}
void SimMutex::lock_shared(std::source_location where) noexcept {
  if (Machine* machine = Machine::here()) machine->lock(*this, true, where);
}
void SimMutex::unlock_shared(std::source_location where) noexcept {
  if (Machine* machine = Machine::here()) machine->unlock(*this, true, where);
}

}  // namespace engin::lower
