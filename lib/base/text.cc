#include "base/text.h"

#include <string>
#include <string_view>

namespace engin::base {

namespace {

constexpr char hex_digits[] = "0123456789abcdef";

unsigned byte_at(std::string_view text, std::size_t i) noexcept { return static_cast<unsigned char>(text[i]); }

void append_hex_byte(std::string& out, unsigned byte) {
  out += "\\x";
  out += hex_digits[byte >> 4];
  out += hex_digits[byte & 15];
}

bool is_control(unsigned byte) noexcept { return byte < 0x20 || byte == 0x7f; }

}  // namespace

std::size_t utf8_length(std::string_view text) noexcept {
  if (text.empty()) return 0;
  const unsigned lead = byte_at(text, 0);
  if (lead < 0x80) return 1;
  std::size_t length = 0;
  // The second byte's range is narrower after these leads; it excludes overlong forms, surrogates, and what is too
  // large.
  unsigned low = 0x80;
  unsigned high = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    length = 3;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
  } else {
    return 0;
  }
  if (text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    const unsigned byte = byte_at(text, i);
    if (byte < low || byte > high) return 0;
    low = 0x80;
    high = 0xbf;
  }
  return length;
}

std::string_view cut_utf8(std::string_view text, std::size_t limit) noexcept {
  if (text.size() <= limit) return text;
  // A character has at most three bytes before its last; if no lead is found there, it is no UTF-8 and cut as it is.
  for (std::size_t back = 0; back < 4 && back <= limit; ++back) {
    const std::size_t end = limit - back;
    if ((byte_at(text, end) & 0xc0U) != 0x80) return text.substr(0, end);
  }
  return text.substr(0, limit);
}

void append_one_line(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const unsigned byte = byte_at(text, 0);
    const std::size_t length = utf8_length(text);
    // U+0080 to U+009F: control characters too, and terminals obey some of them.
    const bool c1 = length == 2 && byte == 0xc2 && byte_at(text, 1) < 0xa0;
    if (byte == '\n') {
      out += "\\n";
    } else if (byte == '\r') {
      out += "\\r";
    } else if (byte == '\t') {
      out += "\\t";
    } else if (length == 0 || is_control(byte)) {
      append_hex_byte(out, byte);
    } else if (c1) {
      append_hex_byte(out, byte);
      append_hex_byte(out, byte_at(text, 1));
    } else {
      out.append(text.substr(0, length));
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
}

std::string one_line(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  append_one_line(out, text);
  return out;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const unsigned byte = byte_at(text, 0);
    const std::size_t length = utf8_length(text);
    if (length == 0) {
      out += "\xef\xbf\xbd";
      text.remove_prefix(1);
      continue;
    }
    switch (byte) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (is_control(byte)) {
          out += "\\u00";
          out += hex_digits[byte >> 4];
          out += hex_digits[byte & 15];
        } else {
          out.append(text.substr(0, length));
        }
    }
    text.remove_prefix(length);
  }
  out += '"';
}

std::string grouped(unsigned long long number) {
  std::string text = std::to_string(number);
  for (std::size_t i = text.size(); i > 3;) {
    i -= 3;
    text.insert(i, 1, ',');
  }
  return text;
}

}  // namespace engin::base
