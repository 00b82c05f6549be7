// The host: how long it takes to put an application together, and to take it down on a signal.
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <stdexcept>
#include <utility>

#include <benchmark/benchmark.h>
#include <unistd.h>

#include "engin/engin.h"

namespace {

using std::chrono::steady_clock;

template <std::size_t N>
struct Part {
  explicit Part(std::size_t s) : sum(s) {}
  std::size_t sum;
};

constexpr std::size_t parts = 1000;

// Each needs the two before it.
template <std::size_t N>
Part<N> make_part(Part<N - 1>& a, Part<N - 2>& b) {
  return Part<N>(a.sum + b.sum + 1);
}

template <std::size_t N>
engin::Option provide_part() {
  if constexpr (N < 2) {
    return engin::Provide([] { return Part<N>(1); });
  } else {
    return engin::Provide(make_part<N>);
  }
}

// A thousand arguments of one call would keep a compiler busy: by blocks of ten.
template <std::size_t From, std::size_t... I>
engin::Option block_of_ten(std::index_sequence<I...>) {
  return engin::Block(provide_part<From + I>()...);
}
template <std::size_t From, std::size_t... I>
engin::Option block_of_hundred(std::index_sequence<I...>) {
  return engin::Block(block_of_ten<From + 10 * I>(std::make_index_sequence<10>())...);
}
template <std::size_t... I>
engin::Option all_parts(std::index_sequence<I...>) {
  return engin::Block(block_of_hundred<100 * I>(std::make_index_sequence<10>())...);
}

engin::Option quiet() { return engin::Supply(engin::SupervisorOptions{.default_observer = false}); }

// From the options to all thousand values being made; without the supervisor's threads, which start() adds.
void assemble_thousand_providers(benchmark::State& state) {
  for (auto _ : state) {
    steady_clock::time_point made;
    const auto before = steady_clock::now();
    engin::Engin app(quiet(), all_parts(std::make_index_sequence<10>()), engin::Invoke([&](Part<parts - 1>& last) {
                       if (last.sum == 0) throw std::logic_error("not made");
                       made = steady_clock::now();
                     }));
    app.start();
    state.SetIterationTime(std::chrono::duration<double>(made - before).count());
    app.stop();
  }
}
BENCHMARK(assemble_thousand_providers)->UseManualTime()->Unit(benchmark::kMillisecond);

void check_thousand_providers(benchmark::State& state) {
  for (auto _ : state) {
    engin::Engin app(quiet(), all_parts(std::make_index_sequence<10>()), engin::Entrypoint<Part<parts - 1>>());
    app.check();
  }
}
BENCHMARK(check_thousand_providers)->Unit(benchmark::kMillisecond);

// From kill() to run() having returned, with that many coroutines waiting.
void sigterm_to_run_returned(benchmark::State& state) {
  for (auto _ : state) {
    steady_clock::time_point sent;
    engin::Engin app(quiet(), engin::Invoke([&](engin::Supervisor& supervisor) {
                       for (std::int64_t i = 0; i < state.range(0); ++i) {
                         supervisor.supervise([](std::stop_token) -> engin::Co<> {
                           while (co_await engin::sleep_for(std::chrono::hours(1))) {
                           }
                         });
                       }
                       supervisor.supervise([&]() -> engin::Co<> {
                         (void)co_await engin::sleep_for(std::chrono::milliseconds(20));  // all of them wait by then
                         sent = steady_clock::now();
                         kill(getpid(), SIGTERM);
                       });
                     }));
    if (app.run() != 0) state.SkipWithError("not clean");
    state.SetIterationTime(std::chrono::duration<double>(steady_clock::now() - sent).count());
  }
}
BENCHMARK(sigterm_to_run_returned)->Arg(0)->Arg(1000)->UseManualTime()->Unit(benchmark::kMillisecond);

}  // namespace
