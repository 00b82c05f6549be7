// EXPECT: destroys a temporary callable with captures twice here; name it first
#include <engin/supervisor.h>

#include <string>

engin::Co<> body(std::string text) {
#ifdef ENGIN_COMPILE_OK
  auto start = [text](engin::Resumer resume) { resume(); };
  co_await engin::suspend(start, [] {});
#else
  co_await engin::suspend([text](engin::Resumer resume) { resume(); }, [] {});
#endif
}
