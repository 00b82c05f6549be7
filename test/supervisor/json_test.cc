#include <chrono>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>

#include "engin/event.h"
#include "engin/observers.h"
#include "engin/testing/recorder.h"

namespace engin {
namespace {

using namespace std::chrono_literals;

Failure refused() {
  return Failure(&typeid(std::system_error), "connection refused", nullptr, absl::OkStatus(), TimePoint(12s), 1500ms,
                 7);
}

Event a_failure() {
  return {.kind = EventKind::Failed,
          .time = TimePoint(12s + 250ns),
          .task = 3,
          .task_name = "uplink",
          .attempt = 7,
          .failure = refused(),
          .decision = Decision::Restart,
          .delay = 14s,
          .supervisor = "ingest"};
}

TEST(JsonTest, AFailureHasAllItsFields) {
  EXPECT_EQ(to_json(a_failure()),
            R"({"event":"Failed","time_s":12.000000250,"supervisor":"ingest","task":3,"name":"uplink","attempt":7,)"
            R"("failure":{"type":"std::system_error","message":"connection refused","attempt":7,)"
            R"("time_s":12.000000000,"uptime_s":1.500000000},"decision":"Restart","delay_s":14.000000000})");
}

TEST(JsonTest, FieldsThatSayNothingAreLeftOut) {
  struct Case {
    Event event;
    std::string json;
  };
  const std::vector<Case> cases = {
      {{}, R"({"event":"Registered","time_s":0.000000000})"},
      {{.kind = EventKind::RestartScheduled, .task = 1, .task_name = "a"},
       R"({"event":"RestartScheduled","time_s":0.000000000,"task":1,"name":"a","delay_s":0.000000000})"},
      {{.kind = EventKind::StopRequested, .task = 1, .task_name = "a", .attempt = 2, .reason = StopReason::Shutdown},
       R"({"event":"StopRequested","time_s":0.000000000,"task":1,"name":"a","attempt":2,"reason":"Shutdown"})"},
      {{.kind = EventKind::HookEnded,
        .task = 1,
        .task_name = "a",
        .hook = HookResult::Failed,
        .duration = 20ms,
        .detail = "x"},
       R"({"event":"HookEnded","time_s":0.000000000,"task":1,"name":"a","hook":"Failed","duration_s":0.020000000,)"
       R"("detail":"x"})"},
      {{.kind = EventKind::Starvation, .count = 12}, R"({"event":"Starvation","time_s":0.000000000,"count":12})"},
      {{.kind = EventKind::ShutdownBegan, .detail = "requested: bye"},
       R"({"event":"ShutdownBegan","time_s":0.000000000,"detail":"requested: bye"})"},
      {{.kind = EventKind::ShutdownEnded},
       R"({"event":"ShutdownEnded","time_s":0.000000000,"duration_s":0.000000000})"},
  };
  for (const Case& c : cases) EXPECT_EQ(to_json(c.event), c.json);
}

TEST(JsonTest, AStatusHasItsCode) {
  Event event{.kind = EventKind::Failed};
  const absl::Status status = absl::UnavailableError("refused");
  event.failure = Failure(nullptr, status.ToString(), nullptr, status, {}, {}, 1);
  EXPECT_EQ(
      to_json(event),
      R"({"event":"Failed","time_s":0.000000000,"failure":{"type":"absl::Status","message":"UNAVAILABLE: refused",)"
      R"("code":"UNAVAILABLE","attempt":1,"time_s":0.000000000,"uptime_s":0.000000000}})");
}

TEST(JsonTest, TextOfOthersIsEscaped) {
  EXPECT_EQ(to_json({.kind = EventKind::Ready, .task = 1, .task_name = "a\"\\\n\xff"}),
            "{\"event\":\"Ready\",\"time_s\":0.000000000,\"task\":1,\"name\":\"a\\\"\\\\\\n\xef\xbf\xbd\"}");
}

TEST(JsonObserverTest, WritesALineForEachEvent) {
  std::ostringstream out;
  const auto observer = json_observer(out);
  observer->on_event({.kind = EventKind::Registered, .task = 1, .task_name = "a"});
  observer->on_event({.kind = EventKind::ShutdownEnded, .duration = 1s});
  EXPECT_EQ(out.str(),
            "{\"event\":\"Registered\",\"time_s\":0.000000000,\"task\":1,\"name\":\"a\"}\n"
            "{\"event\":\"ShutdownEnded\",\"time_s\":0.000000000,\"duration_s\":1.000000000}\n");
}

TEST(JsonObserverTest, ThrowsOnceTheStreamTakesNoMore) {
  std::ostringstream out;
  const auto observer = json_observer(out);
  out.setstate(std::ios::badbit);
  EXPECT_THROW(observer->on_event({}), std::ios_base::failure);
}

TEST(RecorderTest, KeepsEventsInTheirOrder) {
  testing::Recorder recorder;
  recorder.on_event({.kind = EventKind::Registered, .task = 1, .task_name = "a"});
  recorder.on_event({.kind = EventKind::Registered, .task = 2, .task_name = "b"});
  recorder.on_event({.kind = EventKind::Ready, .task = 1, .task_name = "a"});
  recorder.on_event({.kind = EventKind::ShutdownBegan});
  EXPECT_EQ(recorder.events().size(), 4U);
  EXPECT_EQ(recorder.events("a").size(), 2U);
  EXPECT_EQ(recorder.events("a")[1].kind, EventKind::Ready);
  EXPECT_TRUE(recorder.events("").empty());  // events of the whole belong to no task
  ASSERT_EQ(recorder.events(EventKind::Registered).size(), 2U);
  EXPECT_EQ(recorder.events(EventKind::Registered)[1].task, 2U);
  EXPECT_EQ(recorder.kinds("a"), (std::vector{EventKind::Registered, EventKind::Ready}));
  EXPECT_EQ(recorder.count(EventKind::Registered), 2U);
  EXPECT_EQ(recorder.count(EventKind::Stopped), 0U);
  recorder.clear();
  EXPECT_TRUE(recorder.events().empty());
}

}  // namespace
}  // namespace engin
