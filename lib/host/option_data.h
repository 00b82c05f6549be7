// What is behind an Option.
#ifndef ENGIN_LIB_HOST_OPTION_DATA_H_
#define ENGIN_LIB_HOST_OPTION_DATA_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engin/option.h"

namespace engin::detail {

/// A provider, an invocation or the like, its types forgotten.
struct Element : Description {
  std::vector<Face> faces = {};
  std::vector<Need> needs = {};
  std::unique_ptr<Maker> maker = {};  // none: nothing is to be done
  std::string name = {};              // given by named()
  std::string block = {};             // "outer/inner"
  bool overrides = false;
};

struct SignalSettings {
  std::vector<int> signals;
  SignalExit exit = SignalExit::Report;
};

struct OptionData {
  std::vector<Element> elements;
  std::optional<SignalSettings> signals;
};

}  // namespace engin::detail

#endif  // ENGIN_LIB_HOST_OPTION_DATA_H_
