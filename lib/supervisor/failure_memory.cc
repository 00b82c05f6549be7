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

FailureMemory::Room FailureMemory::make_room() const noexcept {
  Room room;
  if (!kept_) room.kept.reset(new (std::nothrow) Kept);
  if (count_ > 0) room.history.reset(new (std::nothrow) History);
  return room;
}

void FailureMemory::add(const FailureText& text, RawEnd& end, Room& room, std::exception_ptr& old) noexcept {
  ++count_;
  // A kept bad_alloc would hold on to the emergency memory that the next one needs. What is of the same type as the one
  // that is kept is none.
  const FailureText* const before = newest();
  const bool keep =
      (before != nullptr && kept_->exception && before->type == text.type) || !base::is_bad_alloc(end.exception);
  if (!kept_) kept_ = std::move(room.kept);
  if (!kept_) return;
  if (!kept_->history && room.history) {
    kept_->history = std::move(room.history);
    if (before != nullptr) {
      kept_->history->first[0] = kept_->history->last[0] = *before;
      kept_->history->count = 1;
    }
  }
  if (kept_->history) {
    auto& h = *kept_->history;
    if (h.count < h.first.size()) h.first[h.count] = text;
    h.last[h.count % h.last.size()] = text;
    ++h.count;
  } else {
    kept_->only = text;
  }
  old = std::exchange(kept_->exception, nullptr);
  if (keep) kept_->exception = std::move(end.exception);
  kept_->status = std::move(end.status);
}

const FailureText* FailureMemory::newest() const noexcept {
  if (!kept_) return nullptr;
  if (const auto& h = kept_->history) return &h->last[(h->count - 1) % h->last.size()];
  return &kept_->only;
}

Failure FailureMemory::latest() const {
  const FailureText* text = newest();
  if (text == nullptr) {
    return Failure(nullptr, "(no memory to keep what it was)", nullptr, absl::OkStatus(), TimePoint(), Duration(), 0);
  }
  return text->with(kept_->exception, kept_->status);
}

std::vector<Failure> FailureMemory::first() const {
  std::vector<Failure> out;
  if (kept_ && kept_->history) {
    const auto& h = *kept_->history;
    const auto n = std::min<std::uint64_t>(h.count, h.first.size());
    for (std::uint64_t i = 0; i < n; ++i) out.push_back(h.first[i].with(nullptr, absl::OkStatus()));
  } else if (const FailureText* const only = newest()) {
    out.push_back(only->with(nullptr, absl::OkStatus()));
  }
  return out;
}

std::vector<Failure> FailureMemory::last() const {
  std::vector<Failure> out;
  if (kept_ && kept_->history) {
    const auto& h = *kept_->history;
    const auto n = std::min<std::uint64_t>(h.count, h.last.size());
    for (std::uint64_t i = h.count - n; i < h.count; ++i) {
      out.push_back(h.last[i % h.last.size()].with(nullptr, absl::OkStatus()));
    }
  } else if (const FailureText* const only = newest()) {
    out.push_back(only->with(nullptr, absl::OkStatus()));
  }
  return out;
}

}  // namespace engin::detail
