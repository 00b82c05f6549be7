// What an exception is and says, without throwing it again: that would cost a microsecond and more.
#ifndef ENGIN_LIB_BASE_EXCEPTION_TEXT_H_
#define ENGIN_LIB_BASE_EXCEPTION_TEXT_H_

#include <exception>
#include <string>
#include <string_view>
#include <typeinfo>

namespace engin::base {

/// The type of the exception; null for a null pointer, and for an exception of another language, which C++ can hold but
/// not name.
const std::type_info* exception_type(const std::exception_ptr& exception) noexcept;

/// The exception as a std::exception, or null where `catch (const std::exception&)` would not match: other types, a
/// private base, an ambiguous one. Lives as long as the exception.
const std::exception* as_std_exception(const std::exception_ptr& exception) noexcept;

/// True where `catch (const std::bad_alloc&)` would match.
bool is_bad_alloc(const std::exception_ptr& exception) noexcept;

/// What it says: what() of a std::exception, else empty. Lives as long as the exception, unchanged.
std::string_view exception_message(const std::exception_ptr& exception) noexcept;

/// "std::filesystem::filesystem_error": readable, without the names of inline namespaces. Throws std::bad_alloc.
std::string type_name(const std::type_info& type);

}  // namespace engin::base

#endif  // ENGIN_LIB_BASE_EXCEPTION_TEXT_H_
