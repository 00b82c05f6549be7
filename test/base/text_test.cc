#include "base/text.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace engin::base {
namespace {

using namespace std::string_view_literals;

TEST(TextTest, KnowsWellFormedCharacters) {
  struct Case {
    std::string_view text;
    std::size_t length;
  };
  const std::vector<Case> cases = {
      {"", 0},
      {"a", 1},
      {"\0"sv, 1},
      {"\x7f", 1},
      {"\x80", 0},      // a continuation without a lead
      {"\xc1\xbf", 0},  // overlong
      {"\xc2\x80", 2},
      {"\xc3\xa9x", 2},  // é
      {"\xc3", 0},       // cut off
      {"\xc3x", 0},
      {"\xe0\x9f\xbf", 0},  // overlong
      {"\xe0\xa0\x80", 3},
      {"\xe2\x82\xac", 3},  // €
      {"\xe2\x82", 0},
      {"\xed\x9f\xbf", 3},
      {"\xed\xa0\x80", 0},  // a surrogate
      {"\xef\xbf\xbf", 3},
      {"\xf0\x8f\xbf\xbf", 0},  // overlong
      {"\xf0\x9f\x98\x80", 4},
      {"\xf0\x9f\x98", 0},
      {"\xf4\x8f\xbf\xbf", 4},
      {"\xf4\x90\x80\x80", 0},  // beyond U+10FFFF
      {"\xf5\x80\x80\x80", 0},
      {"\xff", 0},
  };
  for (const Case& c : cases) EXPECT_EQ(utf8_length(c.text), c.length) << one_line(c.text);
}

TEST(TextTest, CutsBetweenCharacters) {
  EXPECT_EQ(cut_utf8("abc", 3), "abc");
  EXPECT_EQ(cut_utf8("abc", 2), "ab");
  EXPECT_EQ(cut_utf8("abc", 0), "");
  EXPECT_EQ(cut_utf8("a\xe2\x82\xac", 4), "a\xe2\x82\xac");
  EXPECT_EQ(cut_utf8("a\xe2\x82\xac", 3), "a");
  EXPECT_EQ(cut_utf8("a\xe2\x82\xac", 2), "a");
  EXPECT_EQ(cut_utf8("\xf0\x9f\x98\x80!", 4), "\xf0\x9f\x98\x80");
  EXPECT_EQ(cut_utf8("\xf0\x9f\x98\x80!", 3), "");
}

TEST(TextTest, CutsWhatIsNoTextAnywhere) {
  EXPECT_EQ(cut_utf8("\x80\x80\x80\x80\x80\x80", 5), "\x80\x80\x80\x80\x80");
  EXPECT_EQ(cut_utf8("\x80\x80\x80", 2), "\x80\x80");
}

TEST(TextTest, PutsAnythingOnOneLine) {
  EXPECT_EQ(one_line("plain"), "plain");
  EXPECT_EQ(one_line("two\nlines\r\n\tand a tab"), "two\\nlines\\r\\n\\tand a tab");
  EXPECT_EQ(one_line("\x1b[31mred"), "\\x1b[31mred");
  EXPECT_EQ(one_line("nul \0 del \x7f"sv), "nul \\x00 del \\x7f");
  EXPECT_EQ(one_line("caf\xc3\xa9 \xe2\x82\xac"), "caf\xc3\xa9 \xe2\x82\xac");
  EXPECT_EQ(one_line("\xc2\x9b[31m"), "\\xc2\\x9b[31m");  // CSI in eight bits
  EXPECT_EQ(one_line("\xff\xc3"), "\\xff\\xc3");
}

std::string json(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(TextTest, EscapesForJson) {
  EXPECT_EQ(json(""), R"("")");
  EXPECT_EQ(json("plain /"), R"("plain /")");
  EXPECT_EQ(json("\"\\"), R"("\"\\")");
  EXPECT_EQ(json("\b\f\n\r\t"), R"("\b\f\n\r\t")");
  EXPECT_EQ(json("\0\x01\x1f\x7f"sv), R"("\u0000\u0001\u001f\u007f")");
  EXPECT_EQ(json("caf\xc3\xa9 \xf0\x9f\x98\x80"), "\"caf\xc3\xa9 \xf0\x9f\x98\x80\"");
}

TEST(TextTest, ReplacesWhatIsNoUtf8InJson) {
  EXPECT_EQ(json("a\xff"
                 "b"),
            "\"a\xef\xbf\xbd"
            "b\"");
  EXPECT_EQ(json("\xe2\x82"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
  EXPECT_EQ(json("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

TEST(TextTest, JsonStringsAreValidWhateverComesIn) {
  std::string all;
  for (int high = 0; high < 256; ++high) {
    for (int low = 0; low < 256; ++low) {
      all += static_cast<char>(high);
      all += static_cast<char>(low);
    }
  }
  const std::string text = json(all);
  std::string_view rest = std::string_view(text).substr(1, text.size() - 2);
  while (!rest.empty()) {
    const std::size_t length = utf8_length(rest);
    ASSERT_GT(length, 0U);
    ASSERT_GE(static_cast<unsigned char>(rest[0]), 0x20);
    ASSERT_NE(rest[0], '"');
    rest.remove_prefix(rest[0] == '\\' ? 2 : length);
  }
}

TEST(TextTest, GroupsDigits) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1'000), "1,000");
  EXPECT_EQ(grouped(1'234'567), "1,234,567");
  EXPECT_EQ(grouped(~0ULL), "18,446,744,073,709,551,615");
}

}  // namespace
}  // namespace engin::base
