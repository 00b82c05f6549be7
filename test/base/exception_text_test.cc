#include "base/exception_text.h"

#include <chrono>
#include <filesystem>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <typeindex>

#include <gtest/gtest.h>

namespace engin::base {
namespace {

struct Plain {
  int value = 7;
};
struct Silent : std::exception {
  const char* what() const noexcept override { return nullptr; }
};
struct Padding {
  virtual ~Padding() = default;
  long padding = 0;
};
struct SecondBase : Padding, std::runtime_error {
  SecondBase() : std::runtime_error("second base") {}
};
struct PrivateBase : private std::runtime_error {
  PrivateBase() : std::runtime_error("private") {}
};
struct VirtualBase : Padding, virtual std::exception {
  const char* what() const noexcept override { return "virtual base"; }
};
struct Left : virtual std::exception {};
struct Right : virtual std::exception {};
struct Diamond : Left, Right {
  const char* what() const noexcept override { return "diamond"; }
};
struct Ambiguous : std::runtime_error, std::logic_error {
  Ambiguous() : std::runtime_error("a"), std::logic_error("b") {}
};
struct OwnBadAlloc : Padding, std::bad_alloc {
  const char* what() const noexcept override { return "own bad_alloc"; }
};

template <class E>
std::exception_ptr thrown(E e) {
  try {
    throw e;
  } catch (...) {
    return std::current_exception();
  }
}

// What the language says: the answer must be the same without throwing.
const std::exception* caught_as_std(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& e) {
    return &e;
  } catch (...) {
    return nullptr;
  }
}
bool caught_as_bad_alloc(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::bad_alloc&) {
    return true;
  } catch (...) {
    return false;
  }
}

template <class E>
void expect_as_if_caught(E e, const std::string& message) {
  SCOPED_TRACE(type_name(typeid(E)));
  const std::exception_ptr exception = thrown(e);
  ASSERT_NE(exception_type(exception), nullptr);
  EXPECT_EQ(std::type_index(*exception_type(exception)), std::type_index(typeid(E)));
  EXPECT_EQ(as_std_exception(exception), caught_as_std(exception));
  EXPECT_EQ(is_bad_alloc(exception), caught_as_bad_alloc(exception));
  EXPECT_EQ(exception_message(exception), message);
}

TEST(ExceptionTextTest, AnswersLikeACatchClause) {
  static const std::runtime_error pointed_to("pointed to");
  expect_as_if_caught(std::runtime_error("runtime"), "runtime");
  expect_as_if_caught(std::exception(), "std::exception");
  expect_as_if_caught(SecondBase(), "second base");
  expect_as_if_caught(PrivateBase(), "");
  expect_as_if_caught(VirtualBase(), "virtual base");
  expect_as_if_caught(Diamond(), "diamond");
  expect_as_if_caught(Ambiguous(), "");
  expect_as_if_caught(std::bad_alloc(), "std::bad_alloc");
  expect_as_if_caught(std::bad_array_new_length(), "std::bad_array_new_length");
  expect_as_if_caught(OwnBadAlloc(), "own bad_alloc");
  expect_as_if_caught(Silent(), "");
  expect_as_if_caught(Plain(), "");
  expect_as_if_caught(42, "");
  expect_as_if_caught("a literal", "");
  expect_as_if_caught(std::string("a string"), "");
  expect_as_if_caught(&pointed_to, "");
  expect_as_if_caught(nullptr, "");
}

TEST(ExceptionTextTest, FindsTheBaseBehindAnotherOne) {
  const std::exception_ptr exception = thrown(SecondBase());
  // Otherwise the case above would prove nothing about addresses.
  EXPECT_NE(static_cast<const void*>(as_std_exception(exception)),
            dynamic_cast<const void*>(as_std_exception(exception)));
}

TEST(ExceptionTextTest, MadeWithoutAThrowIsTheSame) {
  const std::exception_ptr exception = std::make_exception_ptr(std::logic_error("made"));
  EXPECT_EQ(exception_message(exception), "made");
  EXPECT_EQ(std::type_index(*exception_type(exception)), std::type_index(typeid(std::logic_error)));
}

TEST(ExceptionTextTest, ARethrownExceptionIsTheSame) {
  const std::exception_ptr first = thrown(std::logic_error("again"));
  std::exception_ptr second;
  try {
    std::rethrow_exception(first);
  } catch (...) {
    second = std::current_exception();
  }
  EXPECT_EQ(exception_message(second), "again");
  EXPECT_EQ(as_std_exception(second), as_std_exception(first));
}

TEST(ExceptionTextTest, NothingHasNoType) {
  EXPECT_EQ(exception_type(nullptr), nullptr);
  EXPECT_EQ(as_std_exception(nullptr), nullptr);
  EXPECT_FALSE(is_bad_alloc(nullptr));
  EXPECT_EQ(exception_message(nullptr), "");
}

TEST(ExceptionTextTest, NamesAreReadable) {
  EXPECT_EQ(type_name(typeid(int)), "int");
  EXPECT_EQ(type_name(typeid(std::system_error)), "std::system_error");
  EXPECT_EQ(type_name(typeid(std::string)), "std::string");
  EXPECT_EQ(type_name(typeid(std::filesystem::filesystem_error)), "std::filesystem::filesystem_error");
  EXPECT_EQ(type_name(typeid(const char*)), "char const*");
}

TEST(ExceptionTextTest, IsMuchCheaperThanAThrow) {
  using Clock = std::chrono::steady_clock;
  const std::exception_ptr exception = thrown(SecondBase());
  constexpr int rounds = 20'000;
  std::size_t sum = 0;
  const auto time = [&](auto f) {
    const Clock::time_point begin = Clock::now();
    for (int i = 0; i < rounds; ++i) sum += f();
    return Clock::now() - begin;
  };
  const auto asked = time([&] { return exception_message(exception).size(); });
  const auto caught = time([&] { return std::string_view(caught_as_std(exception)->what()).size(); });
  EXPECT_EQ(sum, 2U * rounds * std::string_view("second base").size());
  EXPECT_LT(asked * 3, caught);
}

}  // namespace
}  // namespace engin::base
