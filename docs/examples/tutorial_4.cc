#include <engin/engin.h>
#include <engin/testing/virtual_runtime.h>

#include <cstdlib>

using namespace std::chrono_literals;

struct Store {
  int pages = 0;
};

engin::Option service() {
  return engin::Block(engin::Supply(Store()), engin::Invoke([](engin::Supervisor& supervisor, Store& store) {
                        supervisor.supervise(engin::every(1h, [&store] { ++store.pages; }), {.name = "fetcher"});
                      }));
}

void check(bool fine) {
  if (!fine) std::abort();
}

int main() {
  engin::testing::VirtualRuntime world(1);
  Store* store = nullptr;
  engin::Engin app(service(), engin::Override(engin::Supply(Store{.pages = 10})), engin::Populate(store),
                   engin::Supply(engin::SupervisorOptions{.runtime = world}));
  app.start();
  world.advance(24h);
  check(store->pages == 10 + 25);  // at once, and after each of 24 hours
  check(app.stop() == 0);
}
