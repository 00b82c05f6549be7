#include <engin/engin.h>

#include <cstdio>
#include <memory>
#include <string>

using namespace std::chrono_literals;

struct Config {
  std::string url = "http://localhost/";
};

class Store {
 public:
  void open() { std::printf("store opened\n"); }
  void close() { std::printf("store closed, %d pages\n", pages_); }
  void keep(const std::string& page) {
    std::printf("%s\n", page.c_str());
    ++pages_;
  }

 private:
  int pages_ = 0;
};

std::unique_ptr<Store> make_store(engin::Lifecycle& lifecycle) {
  auto store = std::make_unique<Store>();
  lifecycle.hook(
      {.name = "store", .on_start = [s = store.get()] { s->open(); }, .on_stop = [s = store.get()] { s->close(); }});
  return store;
}

void supervise_fetcher(engin::Supervisor& supervisor, const Config& config, Store& store) {
  supervisor.supervise(
      [&, page = 0](std::stop_token) mutable -> engin::Co<> {
        while (co_await engin::sleep_for(10ms)) {
          store.keep(config.url + std::to_string(++page));
          if (page == 3) co_return;
        }
      },
      {.name = "fetcher", .on_return = engin::OnReturn::Shutdown});
}

engin::Option service() {
  return engin::Block("crawler", engin::Provide(make_store), engin::Invoke(supervise_fetcher));
}

int main() { return engin::Engin(engin::Supply(Config{.url = "http://example/"}), service()).run(); }
