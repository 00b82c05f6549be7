// The service's tests: its own parts, a source under control, no sleeping.
#include "service.h"

#include <engin/testing/virtual_runtime.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "http.h"

#ifdef SERVICE_WITH_HTTP
#include <httplib.h>
#endif

namespace {

using namespace std::chrono_literals;

// A line a second, and once a lost connection.
class FakeSource final : public service::Source {
 public:
  engin::Co<std::optional<std::string>> next(std::stop_token) override {
    const bool more = co_await engin::sleep_for(1s);
    if (!more) co_return std::nullopt;
    if (++calls_ == 3) throw std::runtime_error("connection lost");
    co_return "line " + std::to_string(calls_);
  }

 private:
  int calls_ = 0;
};

class ServiceTest : public ::testing::Test {
 protected:
  ~ServiceTest() override { std::remove(journal_file.c_str()); }
  engin::Option parts() {
    return engin::Block(engin::Supply(config), service::all(),
                        engin::Supply(engin::SupervisorOptions{.default_observer = false, .runtime = world}),
                        engin::Override(engin::Provide<FakeSource>().as<service::Source>()));
  }
  engin::testing::VirtualRuntime world{1};
  const std::string journal_file = ::testing::TempDir() + "service_test_journal";
  service::Config config{.journal = journal_file};
};

TEST(ServicePartsTest, FitTogether) { engin::Engin(engin::Supply(service::Config()), service::all()).check(); }

TEST_F(ServiceTest, ALostConnectionComesBackAndNoLineIsLost) {
  service::Journal* journal = nullptr;
  engin::Supervisor* supervisor = nullptr;
  engin::Engin app(parts(), engin::Populate(journal), engin::Populate(supervisor));
  app.start();
  world.advance(3s);
  EXPECT_EQ(supervisor->find("consumer")->state(), engin::TaskState::Backoff);
  EXPECT_FALSE(service::health_of(*supervisor).well);
  world.advance(2s);
  EXPECT_TRUE(service::health_of(*supervisor).well);
  EXPECT_EQ(journal->lines(), 3U);
  EXPECT_EQ(app.stop(), 0);
  std::ifstream file(config.journal);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(text, "line 1\nline 2\nline 4\n");
}

TEST_F(ServiceTest, WithoutADiskItDoesNotStart) {
  config.journal = "/nowhere/journal";
  engin::Engin app(parts());
  EXPECT_THROW(app.start(), engin::StartFailed);
}

TEST_F(ServiceTest, AFullDiskTakesItDown) {
  config.journal = "/dev/full";
  engin::Engin app(parts());
  app.start();
  world.advance(5s);
  EXPECT_TRUE(app.stop_token().stop_requested());
  EXPECT_EQ(app.stop(), 1);
}

#ifdef SERVICE_WITH_HTTP

// Has no line yet, and ends when asked to.
class SilentSource final : public service::Source {
 public:
  engin::Co<std::optional<std::string>> next(std::stop_token) override {
    (void)co_await engin::sleep_for(1h);
    co_return std::nullopt;
  }
};

// Over a real connection, and therefore in real time.
class HttpTest : public ::testing::Test {
 protected:
  void SetUp() override {
    app.start();
    const auto http = supervisor->find("http");
    ASSERT_TRUE(http && http->wait_ready(30s));
  }
  ~HttpTest() override { std::remove(journal_file.c_str()); }
  httplib::Result get(const std::string& path) {
    httplib::Client client("127.0.0.1", endpoint->port);
    client.set_connection_timeout(30s);
    client.set_read_timeout(30s);
    return client.Get(path);
  }
  const std::string journal_file = ::testing::TempDir() + "http_test_journal";
  engin::Supervisor* supervisor = nullptr;
  service::HttpEndpoint* endpoint = nullptr;
  engin::Engin app{engin::Supply(service::Config{.journal = journal_file, .http_port = 0}),
                   service::all(),
                   engin::Supply(engin::SupervisorOptions{.default_observer = false}),
                   engin::Override(engin::Provide<SilentSource>().as<service::Source>()),
                   engin::Populate(supervisor),
                   engin::Populate(endpoint)};
};

TEST_F(HttpTest, HealthIs200WhileAllTasksAreWellAndTellsOfEach) {
  const auto answer = get("/health");
  ASSERT_TRUE(answer) << to_string(answer.error());
  EXPECT_EQ(answer->status, 200);
  for (const char* task : {"consumer: ", "flusher: ", "http: "}) {
    EXPECT_NE(answer->body.find(task), std::string::npos) << answer->body;
  }
  EXPECT_EQ(get("/elsewhere")->status, 404);
  EXPECT_EQ(app.stop(), 0);
}

TEST_F(HttpTest, HealthIs503OnceATaskIsNotAndSaysWhy) {
  const auto optional = supervisor->supervise([] { throw std::runtime_error("no such sensor"); },
                                              {.name = "sensor", .on_exception = engin::OnException::Ignore});
  ASSERT_TRUE(optional.wait_for(30s));
  const auto answer = get("/health");
  ASSERT_TRUE(answer) << to_string(answer.error());
  EXPECT_EQ(answer->status, 503);
  EXPECT_NE(answer->body.find("no such sensor"), std::string::npos) << answer->body;
  EXPECT_EQ(app.stop(), 0);
}

// Whenever it comes: before it listens, while it begins to, and afterwards.
TEST(HttpStopTest, AStopAtAnyInstantEndsTheServer) {
  for (int round = 0; round < 50; ++round) {
    engin::Engin app(engin::Supply(service::Config{.http_port = 0}), engin::Provide<service::HttpEndpoint>(),
                     engin::Supply(engin::SupervisorOptions{.default_observer = false}),
                     engin::Invoke(service::supervise_http));
    app.start();
    EXPECT_EQ(app.stop(), 0);
  }
}

#endif

}  // namespace
