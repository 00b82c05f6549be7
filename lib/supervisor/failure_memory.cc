#include "supervisor/failure_memory.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

#include "base/exception_text.h"
#include "base/text.h"

namespace engin::detail {

struct FailureMemory::Room::History {
  static constexpr std::size_t Kept = 16;
  std::array<FailureText, Kept> first;
  std::array<FailureText, Kept> last;  // a ring
  std::uint64_t count = 0;
};

FailureMemory::Room::Room() noexcept = default;
FailureMemory::Room::Room(Room&&) noexcept = default;
FailureMemory::Room& FailureMemory::Room::operator=(Room&&) noexcept = default;
FailureMemory::Room::~Room() = default;
FailureMemory::FailureMemory() noexcept = default;
FailureMemory::~FailureMemory() = default;

namespace {

void set_text(FailureText& failure, std::string_view text) noexcept {
  text = base::cut_utf8(text, FailureText::MaxText);
  failure.size = static_cast<std::uint8_t>(text.size());
  if (!text.empty()) std::memcpy(failure.text, text.data(), text.size());
}

/// The type that stands for a heartbeat that did not come.
struct Unresponsive {};

}  // namespace

FailureText FailureText::of(const RawEnd& end, TimePoint time, Duration uptime, std::uint64_t attempt) noexcept {
  FailureText failure;
  failure.time = time;
  failure.uptime = uptime;
  failure.attempt = attempt;
  if (end.kind == RawEnd::Kind::Failed) {
    failure.type = &typeid(absl::Status);
    try {
      set_text(failure, end.status.ToString());
    } catch (...) {  // no memory to put the code before it
      const auto message = end.status.message();
      set_text(failure, {message.data(), message.size()});
    }
  } else {
    failure.type = base::exception_type(end.exception);
    set_text(failure, base::exception_message(end.exception));
  }
  return failure;
}

FailureText FailureText::unresponsive(TimePoint time, Duration uptime, std::uint64_t attempt) noexcept {
  FailureText failure;
  failure.type = &typeid(Unresponsive);
  failure.time = time;
  failure.uptime = uptime;
  failure.attempt = attempt;
  set_text(failure, "no heartbeat within heartbeat_timeout");
  return failure;
}

Failure FailureText::with(std::exception_ptr exception, absl::Status status) const {
  return Failure(type, std::string_view(text, size), std::move(exception), std::move(status), time, uptime, attempt);
}

FailureMemory::Room FailureMemory::make_room(bool first) noexcept {
  Room room;
  room.latest.reset(new (std::nothrow) FailureText);
  if (!first) room.history.reset(new (std::nothrow) Room::History);
  return room;
}

void FailureMemory::add(const FailureText& text, RawEnd& end, Room& room, std::exception_ptr& old) noexcept {
  if (!latest_) {
    latest_ = std::move(room.latest);
  } else if (!history_) {
    history_ = std::move(room.history);
    if (history_) {
      history_->first[0] = history_->last[0] = *latest_;
      history_->count = 1;
    }
  }
  ++count_;
  if (latest_) *latest_ = text;
  if (history_) {
    auto& h = *history_;
    if (h.count < h.first.size()) h.first[h.count] = text;
    h.last[h.count % h.last.size()] = text;
    ++h.count;
  }
  old = std::exchange(exception_, nullptr);
  // A kept bad_alloc would hold on to the emergency memory that the next one needs.
  if (!base::is_bad_alloc(end.exception)) exception_ = std::move(end.exception);
  status_ = std::move(end.status);
}

Failure FailureMemory::latest() const {
  if (!latest_) {
    return Failure(nullptr, "(no memory to keep what it was)", exception_, status_, TimePoint(), Duration(), 0);
  }
  return latest_->with(exception_, status_);
}

std::vector<Failure> FailureMemory::first() const {
  std::vector<Failure> out;
  if (history_) {
    const auto n = std::min<std::uint64_t>(history_->count, history_->first.size());
    for (std::uint64_t i = 0; i < n; ++i) out.push_back(history_->first[i].with(nullptr, absl::OkStatus()));
  } else if (latest_) {
    out.push_back(latest_->with(nullptr, absl::OkStatus()));
  }
  return out;
}

std::vector<Failure> FailureMemory::last() const {
  std::vector<Failure> out;
  if (history_) {
    const auto n = std::min<std::uint64_t>(history_->count, history_->last.size());
    for (std::uint64_t i = history_->count - n; i < history_->count; ++i) {
      out.push_back(history_->last[i % history_->last.size()].with(nullptr, absl::OkStatus()));
    }
  } else if (latest_) {
    out.push_back(latest_->with(nullptr, absl::OkStatus()));
  }
  return out;
}

}  // namespace engin::detail
