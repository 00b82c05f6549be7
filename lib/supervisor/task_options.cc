#include "engin/task_options.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/duration_text.h"
#include "base/text.h"
#include "engin/errors.h"
#include "policy/reachable.h"
#include "supervisor/validate.h"

namespace engin {

namespace {

absl::Status refused(absl::string_view field, absl::string_view reason) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", reason));
}

absl::Status refuse_negative(absl::string_view field, Duration d) {
  if (d >= Duration::zero()) return absl::OkStatus();
  return refused(field, absl::StrCat("must not be negative, is ", base::exact_duration_text(d)));
}

template <class Enum>
absl::Status refuse_unknown(absl::string_view field, Enum value, Enum last) {
  const auto number = static_cast<unsigned>(value);
  if (number <= static_cast<unsigned>(last)) return absl::OkStatus();
  return refused(field, absl::StrCat("there is no such value: ", number));
}

absl::Status validate_name(std::string_view name) {
  constexpr std::size_t longest = 128;
  if (name.size() > longest) {
    return refused("name", absl::StrCat("must have at most ", longest, " bytes, has ", name.size()));
  }
  if (name.find('#') != std::string_view::npos) {
    return refused("name",
                   absl::StrCat("must not contain '#', which marks made-up names: '", base::one_line(name), "'"));
  }
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::any_of(name.begin(), name.end(), is_control)) {
    return refused("name", absl::StrCat("must not contain control characters: '", base::one_line(name), "'"));
  }
  return absl::OkStatus();
}

absl::Status validate_periodic(const detail::PeriodicSpec& spec) {
  if (spec.period <= Duration::zero()) {
    return refused("every.period", absl::StrCat("must be positive, is ", base::exact_duration_text(spec.period)));
  }
  if (absl::Status status = refuse_unknown("every.overlap", spec.options.overlap, Overlap::RunOnce); !status.ok()) {
    return status;
  }
  if (absl::Status status = refuse_negative("every.first", spec.options.first); !status.ok()) return status;
  if (absl::Status status = refuse_negative("every.jitter", spec.options.jitter); !status.ok()) return status;
  if (spec.options.jitter > spec.period) {
    return refused("every.jitter",
                   absl::StrCat("must not exceed the period, which is ", base::exact_duration_text(spec.period),
                                ", is ", base::exact_duration_text(spec.options.jitter)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status validate(const TaskOptions& options, const detail::PeriodicSpec* periodic) {
  if (absl::Status status = validate_name(options.name); !status.ok()) return status;
  for (const absl::Status& status :
       {refuse_unknown("on_exception", options.on_exception, OnException::Ignore),
        refuse_unknown("on_return", options.on_return, OnReturn::Shutdown),
        refuse_unknown("on_unresponsive", options.on_unresponsive, OnUnresponsive::Fail)}) {
    if (!status.ok()) return status;
  }
  if (absl::Status status = options.backoff.validate(); !status.ok()) return status;
  Duration longest_delay = Duration::max();
  if (periodic != nullptr) {
    if (absl::Status status = validate_periodic(*periodic); !status.ok()) return status;
    longest_delay = periodic->period - periodic->options.jitter;
  }
  if (absl::Status status = policy::validate(options.restart_limit, options.backoff, longest_delay); !status.ok()) {
    return status;
  }
  if (absl::Status status = refuse_negative("hook_timeout", options.hook_timeout); !status.ok()) return status;
  if (absl::Status status = refuse_negative("stop_timeout", options.stop_timeout); !status.ok()) return status;
  return refuse_negative("heartbeat_timeout", options.heartbeat_timeout);
}

absl::Status TaskOptions::validate() const { return engin::validate(*this, nullptr); }

void throw_invalid(const std::string& task, const absl::Status& status) {
  const std::string text(status.message());
  const std::size_t colon = text.find(": ");
  if (colon == std::string::npos) throw InvalidOptions(task, "options", text);
  throw InvalidOptions(task, text.substr(0, colon), text.substr(colon + 2));
}

}  // namespace engin
