// What an Engin is made of.
#ifndef ENGIN_OPTION_H_
#define ENGIN_OPTION_H_

#include <csignal>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "engin/detail/export.h"
#include "engin/detail/inject.h"

namespace engin {

/// The exit status after a signal had asked for the shutdown.
enum class SignalExit : std::uint8_t {
  Report,  ///< the report's: 0 when all ended cleanly
  Mirror,  ///< 128 + n instead of 0, as if the signal had ended the process
};

namespace detail {
struct OptionData;
}

/// Something an Engin is made of. Made by the functions below, handed to an Engin or a Block; move-only. A function may
/// return one: `engin::Option storage() { return engin::Block("storage", engin::Provide(make_pool), ...); }`.
///
/// **Parameters** of whatever is handed over say what is needed: `T&`, `const T&`, `T*` (never null),
/// `std::shared_ptr<T>`; `Named<T, "primary">` for a named one; `std::vector<std::reference_wrapper<T>>` for all
/// providers of T, named or not, in the order of the options, possibly none. All but the collection name exactly one
/// provider of T.
class ENGIN_EXPORT Option {
 public:
  Option(const detail::Description& what, std::unique_ptr<detail::Maker> maker,
         std::initializer_list<detail::Need> needs);
  explicit Option(std::unique_ptr<detail::OptionData> data) noexcept;
  Option(Option&&) noexcept;
  Option& operator=(Option&&) noexcept;
  ~Option();
  std::unique_ptr<detail::OptionData> release() && noexcept;

 protected:
  void set_name(std::string name);
  void set_faces(detail::Face face, bool keep_others);

 private:
  std::unique_ptr<detail::OptionData> data_;
};

/// What Provide and Supply return: an Option that gives a T.
template <class T>
class [[nodiscard]] Provider : public Option {
 public:
  using Option::Option;

  /// Known as Interface, a public base of T, instead of as T. Called several times: as each of them.
  ///     Provide(make_postgres).as<Database>()
  template <class Interface>
  Provider as() && {
    static_assert(std::is_convertible_v<T*, std::add_const_t<Interface>*>,
                  "engin: as<Interface>() needs a public base of what is provided");
    if constexpr (std::is_convertible_v<T*, std::add_const_t<Interface>*>) {
      set_faces(detail::face_of<T, Interface>(), std::exchange(as_interface_, true));
    }
    return std::move(*this);
  }

  /// Known under a name only, for parameters of type Named<T, "name">.
  Provider named(std::string name) && {
    set_name(std::move(name));
    return std::move(*this);
  }

 private:
  bool as_interface_ = false;
};

namespace detail {

/// All in one, in their order, and the block that they are in.
ENGIN_EXPORT Option join(std::string_view block, std::initializer_list<Option*> parts);
ENGIN_EXPORT Option override_with(Option provider);

template <class F>
constexpr const char* callee_kind() noexcept {
  return std::is_member_pointer_v<F> ? "a member function" : "a lambda";
}
template <class F>
const void* function_address(const F& f) noexcept {
  if constexpr (std::is_pointer_v<F>) {
    return reinterpret_cast<const void*>(f);
  } else {
    return nullptr;
  }
}
template <class R>
using Kept = Result<std::remove_cv_t<R>>;

template <class F, bool = Signature<F>::known>
struct Gives {
  using type = void;
};
template <class F>
struct Gives<F, true> {
  using type = typename Kept<typename Signature<F>::result>::type;
};

/// What gives an R.
template <class R>
constexpr Description gives(Description::Kind kind, const char* callee, std::source_location where) {
  using T = typename Kept<R>::type;
  return {.kind = kind,
          .constant = std::is_const_v<T>,
          .borrowed = Kept<R>::borrowed,
          .made = &tag_of<T>(),
          .face = face_of<T, T>(),
          .callee = callee,
          .where = where};
}

/// Makes an O from a description, a maker and the needs of a list of parameters.
template <class O, class Needs, class F>
O option_with(const Description& what, F make) {
  return Needs::with_needs([&](std::initializer_list<Need> needs) { return O(what, maker(std::move(make)), needs); });
}

}  // namespace detail

/// A provider: `f` is called at most once, on the thread that starts the Engin, only if something needs what it
/// returns, with its parameters injected. f: a function, a lambda (it may capture, and be move-only), a member function
/// (of an object that is injected too). It returns a value, a std::unique_ptr or a std::shared_ptr, never null; the
/// value lives as long as the Engin, and values are destroyed in reverse order of construction. What f throws is a
/// failed start.
template <class F>
auto Provide(F f, std::source_location where = std::source_location::current()) {
  using T = typename detail::Gives<F>::type;
  constexpr bool fits = detail::check_signature<F>();
  if constexpr (fits) {
    using Result = typename detail::Signature<F>::result;
    using Call = typename detail::Signature<F>::parameters;
    if constexpr (detail::check_result<Result>()) {
      auto what = detail::gives<Result>(detail::Description::Kind::Provide, detail::callee_kind<F>(), where);
      what.function = detail::function_address(f);
      return detail::option_with<Provider<T>, Call>(what, [f = std::move(f)](detail::Argument* arguments) mutable {
        return detail::Kept<Result>::keep([&]() -> Result { return Call::call(f, arguments); });
      });
    }
  }
}

/// T itself, by its only public constructor: `Provide<Worker>()`; or by the one with these parameters, where there are
/// several, or templates: `Provide<Worker(const Config&, Mailer&)>()`.
template <class T>
auto Provide(std::source_location where = std::source_location::current()) {
  using Constructor = detail::Constructor<T>;
  using Made = typename Constructor::type;
  if constexpr (Constructor::check()) {
    const auto what = detail::gives<Made>(detail::Description::Kind::Provide, "", where);
    return detail::option_with<Provider<Made>, Constructor>(what, &Constructor::make);
  }
}

/// A value that is there already: kept by the Engin, or, given as std::ref(x) or std::cref(x), only referred to: x must
/// outlive the Engin. A std::unique_ptr<T> or std::shared_ptr<T> supplies the T.
template <class V>
auto Supply(V value, std::source_location where = std::source_location::current()) {
  if constexpr (detail::check_result<V>()) {
    using T = typename detail::Kept<V>::type;
    const auto what = detail::gives<V>(detail::Description::Kind::Supply, "Supply", where);
    return detail::option_with<Provider<T>, detail::Parameters<>>(
        what, [value = std::move(value)](detail::Argument*) mutable {
          return detail::Kept<V>::keep([&]() -> V { return std::move(value); });
        });
  }
}

/// Calls f, with its parameters injected, after all values were made and before any lifecycle hook starts, on the
/// thread that starts the Engin; several in the order of the options. What it throws is a failed start.
template <class F>
Option Invoke(F f, std::source_location where = std::source_location::current()) {
  if constexpr (detail::check_signature<F>()) {
    static_assert(std::is_void_v<typename detail::Signature<F>::result>,
                  "engin: an Invoke must return nothing, for nobody would see it; throw to refuse the start, or use "
                  "Provide");
    using Call = typename detail::Signature<F>::parameters;
    const detail::Description what{.kind = detail::Description::Kind::Invoke,
                                   .function = detail::function_address(f),
                                   .callee = detail::callee_kind<F>(),
                                   .where = where};
    return detail::option_with<Option, Call>(what, [f = std::move(f)](detail::Argument* arguments) mutable {
      (void)Call::call(f, arguments);
      return detail::Value();
    });
  } else {
    return detail::join({}, {});
  }
}

/// T is needed: it is made, with all that it needs.
template <class T>
Option Entrypoint(std::source_location where = std::source_location::current()) {
  static_assert(detail::Parameter<const T&>::injectable && !detail::is_made_for_call<T>,
                "engin: Entrypoint<T>() names a type that is provided: no reference, no pointer");
  return Option({.kind = detail::Description::Kind::Entrypoint, .made = &detail::tag_of<T>(), .where = where}, nullptr,
                {detail::Parameter<const T&>::need()});
}

/// T is needed, and `pointer` is set to it together with the invocations; for tests, and for a program with its own
/// main loop. It dangles once the Engin has ended. `pointer` must live until the Engin has started.
template <class T>
Option Populate(T*& pointer, std::source_location where = std::source_location::current()) {
  static_assert(detail::Parameter<T&>::injectable, "engin: Populate(T*& p) needs a pointer to what can be provided");
  return Option({.kind = detail::Description::Kind::Populate, .made = &detail::tag_of<T>(), .where = where},
                detail::maker([&pointer](detail::Argument* arguments) {
                  pointer = &detail::Parameter<T&>::get(*arguments);
                  return detail::Value();
                }),
                {detail::Parameter<T&>::need()});
}

namespace detail {
template <class... O>
Option join_options(std::string_view block, O... options) {
  static_assert((std::is_base_of_v<Option, O> && ...),
                "engin: an Engin and a Block are made of options: Provide(...), Supply(...), Invoke(...) and the like");
  if constexpr ((std::is_base_of_v<Option, O> && ...)) {
    return join(block, {&options...});
  } else {
    return join({}, {});
  }
}
}  // namespace detail

/// Options that belong together, in their order. Blocks nest; a name is shown in errors and in the graph, and hides
/// nothing.
template <class... O>
Option Block(std::string_view name, O... options) {
  return detail::join_options(name, std::move(options)...);
}
template <class First, class... O>
  requires(!std::is_convertible_v<First, std::string_view>)
Option Block(First first, O... options) {
  return detail::join_options({}, std::move(first), std::move(options)...);
}

/// Instead of every other provider of the same type and name, wherever it stands: for tests, `Engin(production(),
/// Override(Supply(FakeClock())))`. An error if there is nothing to override.
template <class T>
Option Override(Provider<T> provider) {
  return detail::override_with(std::move(provider));
}

/// Which signals ask for the shutdown. Default: SIGTERM and SIGINT for run(), none for start(), since a program with a
/// main loop of its own has its own handlers. The last of several wins. See docs/concepts/host.md.
ENGIN_EXPORT Option handle_signals(std::initializer_list<int> signals, SignalExit exit = SignalExit::Report);
/// handle_signals(false): none. handle_signals(true): SIGTERM and SIGINT, for start() too.
template <class Bool>
  requires std::is_same_v<Bool, bool>
Option handle_signals(Bool on) {
  return on ? handle_signals({SIGTERM, SIGINT}) : handle_signals(std::initializer_list<int>{});
}

}  // namespace engin

#endif  // ENGIN_OPTION_H_
