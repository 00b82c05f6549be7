// Events as JSON. The fields are a contract: docs/concepts/observing.md.
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/duration_text.h"
#include "base/text.h"
#include "engin/event.h"

namespace engin {

namespace {

class JsonObject {
 public:
  explicit JsonObject(std::string& out) : out_(out) { out_ += '{'; }
  void close() { out_ += '}'; }

  void text(std::string_view key, std::string_view value) {
    begin(key);
    base::append_json_string(out_, value);
  }
  void number(std::string_view key, std::uint64_t value) {
    begin(key);
    absl::StrAppend(&out_, value);
  }
  void seconds(std::string_view key, Duration value) {
    begin(key);
    out_ += base::seconds_text(value);
  }
  std::string& value(std::string_view key) {
    begin(key);
    return out_;
  }

 private:
  // Keys are ours: nothing in them needs escaping.
  void begin(std::string_view key) {
    if (!first_) out_ += ',';
    first_ = false;
    out_.append("\"").append(key).append("\":");
  }
  std::string& out_;
  bool first_ = true;
};

void append_failure(std::string& out, const Failure& failure) {
  JsonObject object(out);
  object.text("type", failure.type());
  object.text("message", failure.message());
  if (!failure.status().ok()) object.text("code", absl::StatusCodeToString(failure.status().code()));
  object.number("attempt", failure.attempt());
  object.seconds("time_s", failure.time().time_since_epoch());
  object.seconds("uptime_s", failure.uptime());
  object.close();
}

bool announces_delay(const Event& e) noexcept {
  return e.kind == EventKind::RestartScheduled || e.decision == Decision::Restart || e.decision == Decision::CoolDown;
}

bool measures(EventKind kind) noexcept {
  return kind == EventKind::HookEnded || kind == EventKind::HookTimedOut || kind == EventKind::Unresponsive ||
         kind == EventKind::Straggler || kind == EventKind::ShutdownEnded;
}

bool counts(EventKind kind) noexcept { return kind == EventKind::RunnerAdded || kind == EventKind::Starvation; }

}  // namespace

std::string to_json(const Event& e) {
  std::string out;
  out.reserve(256);
  JsonObject object(out);
  object.text("event", to_string(e.kind));
  object.seconds("time_s", e.time.time_since_epoch());
  if (!e.supervisor.empty()) object.text("supervisor", e.supervisor);
  if (e.task != 0) {
    object.number("task", e.task);
    object.text("name", e.task_name);
  }
  if (e.attempt != 0) object.number("attempt", e.attempt);
  if (e.failure) append_failure(object.value("failure"), *e.failure);
  if (e.decision != Decision::None) object.text("decision", to_string(e.decision));
  if (announces_delay(e)) object.seconds("delay_s", e.delay);
  if (e.reason != StopReason::None) object.text("reason", to_string(e.reason));
  if (e.hook != HookResult::None) object.text("hook", to_string(e.hook));
  if (measures(e.kind) || e.duration != Duration::zero()) object.seconds("duration_s", e.duration);
  if (counts(e.kind) || e.count != 0) object.number("count", e.count);
  if (!e.detail.empty()) object.text("detail", e.detail);
  object.close();
  return out;
}

}  // namespace engin
