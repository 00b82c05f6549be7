#include "engin/option.h"

#include <iterator>
#include <string>
#include <utility>

namespace engin::detail {

OptionData join(std::string_view block, std::initializer_list<OptionData*> parts) {
  OptionData all;
  for (OptionData* part : parts) {
    for (Element& element : part->elements) {
      if (!block.empty()) element.block = std::string(block) + (element.block.empty() ? "" : "/") + element.block;
      all.elements.push_back(std::move(element));
    }
    if (part->signals) all.signals = std::move(part->signals);
  }
  return all;
}

Option override_with(OptionData provider) {
  for (Element& element : provider.elements) element.overrides = true;
  return Option(std::move(provider));
}

}  // namespace engin::detail
