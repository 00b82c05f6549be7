#include "engin/option.h"

#include <memory>
#include <string>
#include <utility>

#include "engin/errors.h"
#include "host/option_data.h"

namespace engin {

Option::Option(const detail::Description& what, std::unique_ptr<detail::Maker> maker,
               std::initializer_list<detail::Need> needs)
    : data_(std::make_unique<detail::OptionData>()) {
  detail::Element element{what};
  if (what.face.type != nullptr) element.faces = {what.face};
  element.needs = needs;
  element.maker = std::move(maker);
  data_->elements.push_back(std::move(element));
}

Option::Option(std::unique_ptr<detail::OptionData> data) noexcept : data_(std::move(data)) {}
Option::Option(Option&&) noexcept = default;
Option& Option::operator=(Option&&) noexcept = default;
Option::~Option() = default;
std::unique_ptr<detail::OptionData> Option::release() && noexcept { return std::move(data_); }

void Option::set_name(std::string name) { data_->elements.front().name = std::move(name); }

void Option::set_faces(detail::Face face, bool keep_others) {
  auto& faces = data_->elements.front().faces;
  std::erase_if(faces, [&](const detail::Face& other) { return !keep_others || *other.type == *face.type; });
  faces.push_back(face);
}

Option handle_signals(std::initializer_list<int> signals, SignalExit exit) {
  auto data = std::make_unique<detail::OptionData>();
  data->signals = detail::SignalSettings{signals, exit};
  return Option(std::move(data));
}

namespace detail {

Value own(void* object, void (*destroy)(void*)) { return {std::shared_ptr<void>(object, destroy), object}; }

Need noted_need(Need (*need)()) {
  if (need == nullptr) {
    throw Error("engin: Provide<T>() was called before main began; name the parameters: Provide<T(...)>()");
  }
  return need();
}

Option join(std::string_view block, std::initializer_list<Option*> parts) {
  auto all = std::make_unique<OptionData>();
  for (Option* part : parts) {
    const auto data = std::move(*part).release();
    for (Element& element : data->elements) {
      if (!block.empty()) element.block = std::string(block) + (element.block.empty() ? "" : "/") + element.block;
      all->elements.push_back(std::move(element));
    }
    if (data->signals) all->signals = std::move(data->signals);
  }
  return Option(std::move(all));
}

Option override_with(Option provider) {
  auto data = std::move(provider).release();
  for (Element& element : data->elements) element.overrides = true;
  return Option(std::move(data));
}

}  // namespace detail
}  // namespace engin
