#include "supervisor/failure_memory.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <new>
#include <string_view>
#include <utility>

#include "base/exception_text.h"
#include "base/text.h"

namespace engin {

/// The type that stands for a heartbeat that did not come; people read its name.
struct Unresponsive {};

}  // namespace engin

namespace engin::detail {

namespace {

/// absl::StatusCodeToString without the string.
std::string_view code_name(absl::StatusCode code) noexcept {
  constexpr std::string_view names[] = {
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  const auto index = static_cast<std::size_t>(code);
  return index < std::size(names) ? names[index] : "UNKNOWN";
}

void set_text(FailureText& failure, std::string_view text) noexcept {
  text = base::cut_utf8(text, FailureText::MaxText);
  failure.size = static_cast<std::uint8_t>(text.size());
  if (!text.empty()) std::memcpy(failure.text, text.data(), text.size());
}

/// "CODE: message", as Status::ToString() has it, without its payloads and without allocating.
void set_text(FailureText& failure, const absl::Status& status) noexcept {
  const std::string_view code = code_name(status.code());
  const absl::string_view message = status.message();
  char* end = std::copy(code.begin(), code.end(), failure.text);
  *end++ = ':';
  *end++ = ' ';
  const auto room = static_cast<std::size_t>(failure.text + FailureText::MaxText - end);
  const std::string_view fits = base::cut_utf8({message.data(), message.size()}, room);
  end = std::copy(fits.begin(), fits.end(), end);
  failure.size = static_cast<std::uint8_t>(end - failure.text);
}

}  // namespace

FailureText FailureText::of(const RawEnd& end, TimePoint time, Duration uptime, std::uint64_t attempt) noexcept {
  FailureText failure;
  failure.time = time;
  failure.uptime = uptime;
  failure.attempt = attempt;
  if (end.kind == RawEnd::Kind::Failed) {
    failure.type = &typeid(absl::Status);
    set_text(failure, end.status);
  } else {
    failure.type = base::exception_type(end.exception);
    set_text(failure, base::exception_message(end.exception));
  }
  return failure;
}

FailureText FailureText::unresponsive(TimePoint time, Duration uptime, std::uint64_t attempt) noexcept {
  FailureText failure;
  failure.type = &typeid(engin::Unresponsive);
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
  if (first) {
    room.only.reset(new (std::nothrow) FailureText);
  } else {
    room.history.reset(new (std::nothrow) Room::History);
    if (!room.history) room.only.reset(new (std::nothrow) FailureText);
  }
  return room;
}

void FailureMemory::add(const FailureText& text, RawEnd& end, Room& room, std::exception_ptr& old) noexcept {
  // A kept bad_alloc would hold on to the emergency memory that the next one needs. What is of the same type as the one
  // that is kept is none.
  const FailureText* const before = newest();
  const bool keep =
      (exception_ && before != nullptr && before->type == text.type) || !base::is_bad_alloc(end.exception);
  if (!history_ && room.history) {
    history_ = std::move(room.history);
    if (only_) {
      history_->first[0] = history_->last[0] = *only_;
      history_->count = 1;
    }
  }
  if (!history_ && !only_) only_ = std::move(room.only);
  ++count_;
  if (history_) {
    auto& h = *history_;
    if (h.count < h.first.size()) h.first[h.count] = text;
    h.last[h.count % h.last.size()] = text;
    ++h.count;
  } else if (only_) {
    *only_ = text;
  }
  old = std::exchange(exception_, nullptr);
  if (keep) exception_ = std::move(end.exception);
  status_ = std::move(end.status);
}

const FailureText* FailureMemory::newest() const noexcept {
  return history_ ? &history_->last[(history_->count - 1) % history_->last.size()] : only_.get();
}

Failure FailureMemory::latest() const {
  const FailureText* text = newest();
  if (text == nullptr) {
    return Failure(nullptr, "(no memory to keep what it was)", exception_, status_, TimePoint(), Duration(), 0);
  }
  return text->with(exception_, status_);
}

std::vector<Failure> FailureMemory::first() const {
  std::vector<Failure> out;
  if (history_) {
    const auto n = std::min<std::uint64_t>(history_->count, history_->first.size());
    for (std::uint64_t i = 0; i < n; ++i) out.push_back(history_->first[i].with(nullptr, absl::OkStatus()));
  } else if (only_) {
    out.push_back(only_->with(nullptr, absl::OkStatus()));
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
  } else if (only_) {
    out.push_back(only_->with(nullptr, absl::OkStatus()));
  }
  return out;
}

}  // namespace engin::detail
