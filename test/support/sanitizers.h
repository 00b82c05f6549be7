// Under which sanitizer the tests run.
#ifndef ENGIN_TEST_SUPPORT_SANITIZERS_H_
#define ENGIN_TEST_SUPPORT_SANITIZERS_H_

namespace engin::test {

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ENGIN_UNDER_TSAN true
#endif
#if __has_feature(address_sanitizer)
#define ENGIN_UNDER_ASAN true
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define ENGIN_UNDER_TSAN true
#endif
#if defined(__SANITIZE_ADDRESS__)
#define ENGIN_UNDER_ASAN true
#endif

#ifdef ENGIN_UNDER_TSAN
inline constexpr bool under_tsan = true;
#else
inline constexpr bool under_tsan = false;
#endif
#ifdef ENGIN_UNDER_ASAN
inline constexpr bool under_asan = true;
#else
inline constexpr bool under_asan = false;
#endif

}  // namespace engin::test

#endif  // ENGIN_TEST_SUPPORT_SANITIZERS_H_
