// EXPECT: destroys a temporary callable with captures twice here; name it first
#include <engin/supervisor.h>

#include <string>

engin::Co<> body(std::string text) {
#ifdef ENGIN_COMPILE_OK
  auto print = [text] { return text.size(); };
  co_await engin::blocking(print);
#else
  co_await engin::blocking([text] { return text.size(); });
#endif
}
