// service           serves until SIGTERM
// service --graph   prints what it is made of; service --graph | dot -Tsvg > service.svg
#include <iostream>
#include <string_view>

#include "service.h"

int main(int count, char** arguments) {
  engin::Engin app(engin::Provide(service::Config::from_environment), service::all());
  if (count == 2 && arguments[1] == std::string_view("--graph")) {
    std::cout << app.graph().graphviz();
    return 0;
  }
  return app.run();
}
