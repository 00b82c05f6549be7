// Which operands of co_await this compiler destroys once, and which twice (g++ 12 does). docs/concepts/coroutines.md
// has the rule. Ends with status 1 if a form that is said to be right is not.

#include <engin/supervisor.h>

#include <functional>
#include <iostream>
#include <string_view>
#include <utility>

namespace {

// How many there are. Zero after each trial, unless something was destroyed twice or never.
class Counted {
 public:
  Counted() { ++alive; }
  Counted(const Counted&) { ++alive; }
  Counted(Counted&&) noexcept { ++alive; }
  Counted& operator=(const Counted&) = default;
  Counted& operator=(Counted&&) = default;
  ~Counted() { --alive; }
  static inline int alive = 0;
};

struct Aggregate {
  Counted part;
  int number = 0;
};

class WithConstructor {
 public:
  explicit WithConstructor(int number) : number_(number) {}

 private:
  Counted part_;
  [[maybe_unused]] int number_;
};

struct Reader {
  Counted part;
  engin::Co<> read() { co_return; }
};

template <class F>
engin::Co<> call(F f) {
  f();
  co_return;
}
engin::Co<> take(Aggregate) { co_return; }
engin::Co<> take(WithConstructor) { co_return; }

bool all_right = true;

void judge(std::string_view form, bool said_to_be_right, int alive_before) {
  const bool once = Counted::alive == alive_before;
  Counted::alive = alive_before;
  std::cout << (once ? "once    " : "TWICE   ") << form << "\n";
  if (said_to_be_right && !once) all_right = false;
}

engin::Co<> safe_forms() {
  const Counted part;
  const int before = Counted::alive;
  {
    const auto named = [part] { (void)part; };
    co_await call(named);
  }
  judge("a named closure", true, before);
  co_await call([&] { (void)part; });
  judge("a closure that only refers", true, before);
  co_await call(std::bind_front([](const Counted&) {}, part));
  judge("std::bind_front", true, before);
  {
    const Aggregate named = {.part = part};
    co_await take(named);
  }
  judge("a named aggregate", true, before);
  co_await take(WithConstructor(1));
  judge("an object with a constructor", true, before);
  {
    engin::Co<> made_before = take(Aggregate{});
    co_await std::move(made_before);
  }
  judge("the call first, the await afterwards", true, before);
  {
    Reader named;
    co_await named.read();
  }
  judge("a member of a named object", true, before);
}

// What is destroyed twice here only counts; anything that owns memory would corrupt it.
engin::Co<> traps() {
  const Counted part;
  const int before = Counted::alive;
  co_await call([part] { (void)part; });
  judge("a temporary closure with captures", false, before);
  co_await take(Aggregate{});
  judge("a temporary aggregate", false, before);
  co_await Reader{}.read();
  judge("a member of a temporary", false, before);
}

}  // namespace

int main() {
  engin::Supervisor supervisor;
  supervisor.supervise(
      []() -> engin::Co<> {
        co_await safe_forms();
        co_await traps();
      },
      {.on_return = engin::OnReturn::Shutdown});
  const int status = supervisor.run();
  return all_right ? status : 1;
}
