// What providers need and give, read from their types. Only what depends on a type stands here; matching needs with
// providers is lib/host/assembly.cc.
#ifndef ENGIN_DETAIL_INJECT_H_
#define ENGIN_DETAIL_INJECT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <source_location>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "engin/detail/export.h"

namespace engin {

/// The text of a template argument: Named<Pool, "primary">.
template <std::size_t N>
struct FixedText {
  consteval FixedText(const char (&from)[N]) {  // NOLINT(google-explicit-constructor)
    for (std::size_t i = 0; i < N; ++i) text[i] = from[i];
  }
  char text[N] = {};
};

/// A parameter that takes the T that was provided under a name: `Provide(make_pool).named("primary")`. A reference, as
/// cheap to copy as one; T may be const. The value lives as long as the Engin.
template <class T, FixedText name>
class Named {
 public:
  explicit Named(T& value) noexcept : value_(&value) {}
  T& get() const noexcept { return *value_; }
  T& operator*() const noexcept { return *value_; }
  T* operator->() const noexcept { return value_; }
  operator T&() const noexcept { return *value_; }  // NOLINT(google-explicit-constructor)

 private:
  T* value_;
};

namespace detail {

/// Stands for T where its type_info is asked for: that of T itself needs a complete type.
template <class T>
struct Tag {};
template <class T>
const std::type_info& tag_of() noexcept {
  return typeid(Tag<std::remove_cv_t<T>>);
}

/// One parameter.
struct Need {
  const std::type_info* type = nullptr;
  const char* name = "";
  bool constant = false;    ///< a const T will do
  bool shared = false;      ///< wants to own a share of it
  bool collection = false;  ///< all there are, none included
  bool optional = false;    ///< null if there is none
};

/// What is handed to one parameter.
struct Argument {
  void* object = nullptr;
  std::shared_ptr<void> owner;
  std::vector<void*> all;
  std::shared_ptr<void> held;  ///< keeps what a constructor takes by reference to it
};

/// What a provider made. Nothing owns what was supplied by std::ref.
struct Value {
  std::shared_ptr<void> owner;
  void* object = nullptr;
};

/// Owns what `new` made.
ENGIN_EXPORT Value own(void* object, void (*destroy)(void*));
template <class T>
Value own_new(T* object) {
  if constexpr (requires { object->weak_from_this(); }) {
    std::shared_ptr<T> owner(object);  // which tells the object
    return {std::move(owner), object};
  } else {
    return own(object, [](void* made) { delete static_cast<T*>(made); });
  }
}

/// A type under which a value can be asked for, and how to get there from what was made.
struct Face {
  const std::type_info* type = nullptr;
  void* (*convert)(void*) = nullptr;
};
template <class T, class I>
Face face_of() {
  return {&tag_of<I>(), [](void* object) -> void* {
            return static_cast<std::remove_cv_t<I>*>(static_cast<std::remove_cv_t<T>*>(object));
          }};
}

/// Makes a value, or runs an invocation. Called once at most.
struct Maker {
  Maker() = default;
  Maker(const Maker&) = delete;
  Maker& operator=(const Maker&) = delete;
  virtual ~Maker() = default;
  virtual Value make(Argument* arguments) = 0;
};
template <class F>
struct MakerOf final : Maker {
  explicit MakerOf(F&& callable) : f(std::move(callable)) {}
  Value make(Argument* arguments) override { return f(arguments); }
  F f;
};
template <class F>
std::unique_ptr<Maker> maker(F f) {
  return std::unique_ptr<Maker>(new MakerOf<F>(std::move(f)));
}

/// What an option is, apart from its needs and its maker.
struct Description {
  enum class Kind : std::uint8_t { Provide, Supply, Invoke, Entrypoint, Populate };
  Kind kind = Kind::Provide;
  bool constant = false;  ///< gives a const T
  bool borrowed = false;  ///< gives what it does not own
  const std::type_info* made = nullptr;
  Face face = {};                  ///< of a provider
  const void* function = nullptr;  ///< to look up its name when a person asks
  const char* callee = "";         ///< without a function: "a lambda" or the like; empty: the constructor of `made`
  std::source_location where = {};
};

// ---- parameters

template <class P>
struct Parameter {
  static constexpr bool injectable = false;
};
template <class T>
  requires std::is_object_v<T> && (!std::is_volatile_v<T>) && (!std::is_array_v<T>)
struct Parameter<T&> {
  static constexpr bool injectable = true;
  static Need need() { return {.type = &tag_of<T>(), .constant = std::is_const_v<T>}; }
  static T& get(Argument& a) { return *static_cast<T*>(a.object); }
};
template <class T>
  requires std::is_object_v<T> && (!std::is_volatile_v<T>)
struct Parameter<T*> {
  static constexpr bool injectable = true;
  static Need need() { return Parameter<T&>::need(); }
  static T* get(Argument& a) { return static_cast<T*>(a.object); }
};
template <class T>
  requires std::is_object_v<T> && (!std::is_array_v<T>)
struct Parameter<std::shared_ptr<T>> {
  static constexpr bool injectable = true;
  static Need need() { return {.type = &tag_of<T>(), .constant = std::is_const_v<T>, .shared = true}; }
  static std::shared_ptr<T> get(Argument& a) { return {a.owner, static_cast<T*>(a.object)}; }
};
template <class T, FixedText name>
struct Parameter<Named<T, name>> {
  static constexpr bool injectable = true;
  static Need need() { return {.type = &tag_of<T>(), .name = name.text, .constant = std::is_const_v<T>}; }
  static Named<T, name> get(Argument& a) { return Named<T, name>(*static_cast<T*>(a.object)); }
};
template <class T, class A>
struct Parameter<std::vector<std::reference_wrapper<T>, A>> {
  static constexpr bool injectable = true;
  static Need need() { return {.type = &tag_of<T>(), .constant = std::is_const_v<T>, .collection = true}; }
  static std::vector<std::reference_wrapper<T>, A> get(Argument& a) {
    std::vector<std::reference_wrapper<T>, A> all;
    all.reserve(a.all.size());
    for (void* object : a.all) all.emplace_back(*static_cast<T*>(object));
    return all;
  }
};

/// Made for the call: a smart pointer, a name, a collection. It may be taken by value or by const&.
template <class T>
inline constexpr bool is_made_for_call = Parameter<T>::injectable && !std::is_reference_v<T>;
template <class T>
inline constexpr bool is_unique = false;
template <class T, class D>
inline constexpr bool is_unique<std::unique_ptr<T, D>> = true;

template <class P>
struct Plain {
  using type = P;
};
template <class T>
  requires is_made_for_call<T> && (!std::is_pointer_v<T>)
struct Plain<const T&> {
  using type = T;
};
template <class P>
using ParameterOf = Parameter<typename Plain<std::remove_cv_t<P>>::type>;

/// Says in a sentence why a P cannot be injected.
template <class P>
constexpr bool check_parameter() {
  using T = std::remove_cvref_t<P>;
  static_assert(
      !std::is_rvalue_reference_v<P>,
      "engin: a parameter of type T&& cannot be injected, since the value stays with the Engin; take it as T&, "
      "const T&, T* or std::shared_ptr<T>");
  static_assert(!is_unique<T>,
                "engin: a std::unique_ptr<T> cannot be injected, since the value stays with the Engin; take it as T&, "
                "const T&, T* or std::shared_ptr<T>");
  static_assert(std::is_rvalue_reference_v<P> || is_unique<T> || std::is_reference_v<P> || std::is_pointer_v<T> ||
                    is_made_for_call<T>,
                "engin: this parameter is taken by value; take it as T&, const T&, T* or std::shared_ptr<T>");
  static_assert(!std::is_lvalue_reference_v<P> || std::is_const_v<std::remove_reference_t<P>> || std::is_pointer_v<T> ||
                    !is_made_for_call<T>,
                "engin: a std::shared_ptr, an engin::Named and a collection are made for the call; take them by value");
  static_assert(!(std::is_reference_v<P> || std::is_pointer_v<P>) || is_unique<T> || std::is_rvalue_reference_v<P> ||
                    ParameterOf<P>::injectable,
                "engin: a parameter of this type can never be injected: functions, arrays, void and volatile objects "
                "are nothing that can be provided");
  return ParameterOf<P>::injectable && !is_unique<T> &&
         !(std::is_lvalue_reference_v<P> && !std::is_const_v<std::remove_reference_t<P>> && is_made_for_call<T> &&
           !std::is_pointer_v<T>);
}

// ---- callables

template <class... P>
struct Parameters {
  static constexpr bool check() { return (check_parameter<P>() && ...); }
  /// Calls use({needs}).
  template <class Use>
  static auto with_needs(Use use) {
    return use(std::initializer_list<Need>{ParameterOf<P>::need()...});
  }
  template <class F>
  static decltype(auto) call(F&& f, Argument* arguments) {
    return call_with(f, arguments, std::index_sequence_for<P...>());
  }

 private:
  template <class F, std::size_t... I>
  static decltype(auto) call_with(F& f, [[maybe_unused]] Argument* arguments, std::index_sequence<I...>) {
    return std::invoke(f, ParameterOf<P>::get(arguments[I])...);
  }
};

/// The parameters and the result of a callable that has exactly one signature.
template <class F>
struct Signature {
  static constexpr bool known = false;
};
template <class R, class... P>
struct SignatureOf {
  static constexpr bool known = true;
  using result = R;
  using parameters = Parameters<P...>;
};
template <class R, class... P>
struct Signature<R (*)(P...)> : SignatureOf<R, P...> {};
template <class R, class... P>
struct Signature<R (*)(P...) noexcept> : SignatureOf<R, P...> {};
template <class R, class C, class... P>
struct Signature<R (C::*)(P...)> : SignatureOf<R, C&, P...> {};
template <class R, class C, class... P>
struct Signature<R (C::*)(P...) noexcept> : SignatureOf<R, C&, P...> {};
template <class R, class C, class... P>
struct Signature<R (C::*)(P...)&> : SignatureOf<R, C&, P...> {};
template <class R, class C, class... P>
struct Signature<R (C::*)(P...) const> : SignatureOf<R, const C&, P...> {};
template <class R, class C, class... P>
struct Signature<R (C::*)(P...) const noexcept> : SignatureOf<R, const C&, P...> {};
template <class R, class C, class... P>
struct Signature<R (C::*)(P...) const&> : SignatureOf<R, const C&, P...> {};

/// Of a call operator: without the object.
template <class S>
struct WithoutObject;
template <class R, class C, class... P>
struct WithoutObject<SignatureOf<R, C, P...>> : SignatureOf<R, P...> {};
template <class R, class... P>
SignatureOf<R, P...> base_signature(const SignatureOf<R, P...>&);
template <class F>
  requires std::is_class_v<F> && Signature<decltype(&F::operator())>::known
struct Signature<F> : WithoutObject<decltype(base_signature(Signature<decltype(&F::operator())>()))> {};

template <class F>
constexpr bool check_signature() {
  static_assert(Signature<F>::known,
                "engin: the parameters cannot be read from this callable (overloaded, generic, or not callable); wrap "
                "it in a lambda that names them");
  if constexpr (Signature<F>::known) {
    return Signature<F>::parameters::check();
  } else {
    return false;
  }
}

// ---- results

/// How a value that a provider returned is kept. type: what it is known as.
template <class R>
struct Result {
  using type = R;
  static constexpr bool borrowed = false;
  template <class Make>
  static Value keep(Make&& make) {
    return own_new(new R(make()));  // in place, so that R need not be movable
  }
};
template <class T>
struct Result<std::shared_ptr<T>> {
  using type = T;
  static constexpr bool borrowed = false;
  template <class Make>
  static Value keep(Make&& make) {
    auto owner = std::const_pointer_cast<std::remove_cv_t<T>>(std::shared_ptr<T>(make()));
    void* object = owner.get();
    return {std::move(owner), object};
  }
};
template <class T, class D>
struct Result<std::unique_ptr<T, D>> : Result<std::shared_ptr<T>> {};
template <class T>
struct Result<std::reference_wrapper<T>> {
  using type = T;
  static constexpr bool borrowed = true;
  template <class Make>
  static Value keep(Make&& make) {
    return {nullptr, const_cast<std::remove_cv_t<T>*>(&make().get())};
  }
};

template <class R>
constexpr bool check_result() {
  static_assert(!std::is_void_v<R>,
                "engin: a provider must return what it provides; what returns nothing is an Invoke");
  static_assert(std::is_void_v<R> || std::is_object_v<R>,
                "engin: a provider must not return a reference: nothing would own the value; return a value, a "
                "std::unique_ptr or a std::shared_ptr, or use Supply(std::ref(x))");
  static_assert(!std::is_pointer_v<R>,
                "engin: a provider must not give a plain pointer: nothing would own the value; give a value, a "
                "std::unique_ptr or a std::shared_ptr, or use Supply(std::ref(x))");
  return std::is_object_v<R> && !std::is_pointer_v<R>;
}

// ---- constructors

/// Stands for the I-th of N arguments while the one constructor of T that takes N is looked for, and is that argument
/// when it is called: it becomes whatever reference the parameter asks for. What it became is noted in `needs` before
/// main begins, since the compiler makes that conversion anew for every constructor that it meets.
template <class T>
struct ConstructorNeeds {
  static constexpr std::size_t max = 12;
  static inline Need (*need[max])() = {};
};
/// Throws Error if there is none: main has not begun.
ENGIN_EXPORT Need noted_need(Need (*need)());
template <class T, std::size_t I, class U>
struct NoteNeed {
  static const bool noted;
};
template <class T, std::size_t I, class U>
const bool NoteNeed<T, I, U>::noted = (ConstructorNeeds<T>::need[I] = &ParameterOf<U>::need, true);

template <class T>
struct AnyRvalue {
  template <class U>
    requires(!std::is_const_v<U> && !std::is_same_v<U, T>)
  operator U&&() const;  // NOLINT(google-explicit-constructor)
};

template <class T, std::size_t N, std::size_t I>
struct AnyArgument {
  template <class U>
    requires(!std::is_same_v<std::remove_cv_t<U>, T>)
  operator U&() const {  // NOLINT(google-explicit-constructor)
    // A parameter taken by value converts to U& as one of type U& does; only it accepts an rvalue of U too.
    if constexpr (is_made_for_call<std::remove_cv_t<U>>) {
      using Made = std::remove_cv_t<U>;
      (void)NoteNeed<T, I, Made>::noted;
      auto made = std::make_shared<Made>(Parameter<Made>::get(*argument));
      U& reference = *made;
      argument->held = std::move(made);
      return reference;
    } else {
      static_assert(std::is_const_v<U> || !by_value(std::make_index_sequence<N>()),
                    "engin: a parameter of this constructor is taken by value; take it as T&, const T&, T* or "
                    "std::shared_ptr<T>");
      (void)NoteNeed<T, I, U&>::noted;
      return Parameter<U&>::get(*argument);
    }
  }
  template <std::size_t... J>
  static constexpr bool by_value(std::index_sequence<J...>) {
    return std::is_constructible_v<T, std::conditional_t<I == J, AnyRvalue<T>, AnyArgument<T, N, J>>...>;
  }

  Argument* argument;
};

template <class T, std::size_t... I>
constexpr bool constructible_from_any(std::index_sequence<I...>) {
  return std::is_constructible_v<T, AnyArgument<T, sizeof...(I), I>...>;
}
/// How many arguments T's only public constructor takes; -1 if there is none, or more than one.
template <class T, std::size_t... N>
constexpr int constructor_arity(std::index_sequence<N...>) {
  int found = -1;
  int count = 0;
  ((constructible_from_any<T>(std::make_index_sequence<N>()) ? (void)(found = static_cast<int>(N), ++count) : void()),
   ...);
  return count == 1 ? found : -1;
}

/// The only public constructor of T, or, if T is written as Type(P...), the one with these parameters.
template <class T>
struct Constructor {
  using type = T;
  static constexpr int arity = constructor_arity<T>(std::make_index_sequence<ConstructorNeeds<T>::max + 1>());
  static constexpr bool check() {
    static_assert(
        arity >= 0,
        "engin: Provide<T>() needs a T with exactly one public constructor, of at most twelve parameters that "
        "can be injected; name the parameters: Provide<T(const Config&, Mailer&)>()");
    return arity >= 0;
  }
  template <class Use>
  static auto with_needs(Use use) {
    return with_noted(use, std::make_index_sequence<static_cast<std::size_t>(arity)>());
  }
  static Value make(Argument* arguments) {
    return make_from(arguments, std::make_index_sequence<static_cast<std::size_t>(arity)>());
  }

 private:
  template <class Use, std::size_t... I>
  static auto with_noted(Use& use, std::index_sequence<I...>) {
    return use(std::initializer_list<Need>{noted_need(ConstructorNeeds<T>::need[I])...});
  }
  template <std::size_t... I>
  static Value make_from([[maybe_unused]] Argument* arguments, std::index_sequence<I...>) {
    return own_new(new T(AnyArgument<T, sizeof...(I), I>{&arguments[I]}...));
  }
};
template <class T, class... P>
struct Constructor<T(P...)> {
  using type = T;
  static constexpr bool check() {
    if constexpr ((check_parameter<P>() && ...)) {
      static_assert(std::is_constructible_v<T, P...>, "engin: T has no public constructor with these parameters");
      return std::is_constructible_v<T, P...>;
    } else {
      return false;
    }
  }
  template <class Use>
  static auto with_needs(Use use) {
    return Parameters<P...>::with_needs(use);
  }
  static Value make(Argument* arguments) {
    return Parameters<P...>::call([](P... p) { return own_new(new T(static_cast<P>(p)...)); }, arguments);
  }
};

}  // namespace detail
}  // namespace engin

#endif  // ENGIN_DETAIL_INJECT_H_
