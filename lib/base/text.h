// Text that others gave us, made safe to print: what an exception says may hold line ends, terminal escapes, or be cut
// in the middle of a character.
#ifndef ENGIN_LIB_BASE_TEXT_H_
#define ENGIN_LIB_BASE_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace engin::base {

/// How many bytes the well-formed UTF-8 character at the start of `text` has; 0 if there is none. Overlong forms,
/// surrogates and what lies beyond U+10FFFF are not well-formed (Unicode 15, table 3-7).
std::size_t utf8_length(std::string_view text) noexcept;

/// The longest beginning of `text` with at most `limit` bytes that does not end inside a character.
std::string_view cut_utf8(std::string_view text, std::size_t limit) noexcept;

/// `text` on one line: control characters as "\n", "\t", "\x1b"; bytes that are no UTF-8 as "\xff".
std::string one_line(std::string_view text);
void append_one_line(std::string& out, std::string_view text);

/// `text` as a JSON string with its quotes (RFC 8259). Each byte that is no UTF-8 becomes U+FFFD, so that the result is
/// valid whatever comes in.
void append_json_string(std::string& out, std::string_view text);

/// "1,234,567"
std::string grouped(unsigned long long number);

}  // namespace engin::base

#endif  // ENGIN_LIB_BASE_TEXT_H_
