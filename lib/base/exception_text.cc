#include "base/exception_text.h"

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>

#include <cxxabi.h>

namespace engin::base {

namespace {

#if defined(__GLIBCXX__)

static_assert(sizeof(std::exception_ptr) == sizeof(void*), "libstdc++'s exception_ptr is one pointer to the object");

// The address of the exception as a Base, found the way the unwinder finds the matching catch clause: by asking the
// type's own description. Null if a `catch (const Base&)` would not match.
template <class Base>
const Base* as_base(const std::exception_ptr& exception) noexcept {
  if (!exception) return nullptr;
  const std::type_info* type = exception.__cxa_exception_type();
  if (type == nullptr) return nullptr;
  void* object = nullptr;
  std::memcpy(&object, &exception, sizeof object);  // NOLINT(bugprone-undefined-memory-manipulation): it is a pointer
  return typeid(Base).__do_catch(type, &object, 1) ? static_cast<const Base*>(object) : nullptr;
}

#else

template <class Base>
const Base* as_base(const std::exception_ptr& exception) noexcept {
  if (!exception) return nullptr;
  try {
    std::rethrow_exception(exception);
  } catch (const Base& base) {
    return &base;
  } catch (...) {
    return nullptr;
  }
}

#endif

void erase_all(std::string& text, std::string_view part) {
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at)) text.erase(at, part.size());
}

}  // namespace

const std::type_info* exception_type(const std::exception_ptr& exception) noexcept {
  if (!exception) return nullptr;
#if defined(__GLIBCXX__)
  return exception.__cxa_exception_type();
#else
  try {
    std::rethrow_exception(exception);
  } catch (...) {
    return abi::__cxa_current_exception_type();
  }
#endif
}

const std::exception* as_std_exception(const std::exception_ptr& exception) noexcept {
  return as_base<std::exception>(exception);
}

bool is_bad_alloc(const std::exception_ptr& exception) noexcept {
  return as_base<std::bad_alloc>(exception) != nullptr;
}

std::string_view exception_message(const std::exception_ptr& exception) noexcept {
  const std::exception* standard = as_std_exception(exception);
  const char* what = standard != nullptr ? standard->what() : nullptr;
  return what != nullptr ? std::string_view(what) : std::string_view();
}

std::string type_name(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> demangled(abi::__cxa_demangle(type.name(), nullptr, nullptr, &status),
                                                         &std::free);
  if (status == -1) throw std::bad_alloc();
  std::string name = demangled != nullptr ? demangled.get() : type.name();
  erase_all(name, "__cxx11::");
  // What everybody writes as std::string.
  constexpr std::string_view string = "std::basic_string<char, std::char_traits<char>, std::allocator<char> >";
  for (std::size_t at = name.find(string); at != std::string::npos; at = name.find(string, at)) {
    name.replace(at, string.size(), "std::string");
  }
  return name;
}

}  // namespace engin::base
