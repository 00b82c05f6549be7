#include "host/assembly.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "absl/debugging/symbolize.h"
#include "absl/strings/str_replace.h"
#include "base/exception_text.h"
#include "engin/engin.h"

namespace engin::host {

using detail::Argument;
using detail::Element;
using detail::Need;
using Kind = detail::Description::Kind;

namespace {

// "Pool" of "app::Pool", "std::vector<int>" of itself.
std::string_view last_part(std::string_view type) {
  const auto scope = type.substr(0, type.find('<')).rfind("::");
  return scope == std::string_view::npos ? type : type.substr(scope + 2);
}

bool is_word_character(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

bool contains_word(std::string_view text, std::string_view word) {
  for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const bool begins = at == 0 || !is_word_character(text[at - 1]);
    const bool ends = at + word.size() == text.size() || !is_word_character(text[at + word.size()]);
    if (begins && ends) return true;
  }
  return false;
}

std::string named_text(const std::string& type, std::string_view name) {
  return "Named<" + type + ", \"" + std::string(name) + "\">";
}

std::string need_text(const Need& need) {
  const std::string type = type_text(*need.type);
  if (need.collection) return "all " + type;
  if (*need.name != '\0') return named_text(type, need.name);
  return need.shared ? "std::shared_ptr<" + type + ">" : type;
}

std::string place_of(const Element& element) {
  const std::string_view path = element.where.file_name();
  std::string place(path.substr(path.rfind('/') + 1));
  return place + ":" + std::to_string(element.where.line());
}

// What a person calls it: not where it is hidden.
std::string readable(const std::string& name) { return absl::StrReplaceAll(name, {{"(anonymous namespace)::", ""}}); }

// "app::make_pool"; empty if it cannot be found, as in a program that was stripped. Reads symbol tables: milliseconds.
std::string symbol_name(const void* function) {
  char text[512];
  if (!absl::Symbolize(function, text, sizeof text)) return {};
  const std::string name = readable(text);  // "app::make_pool()"
  return name.substr(0, name.find('('));
}

}  // namespace

std::string type_text(const std::type_info& tag) {
  std::string name = base::type_name(tag);
  constexpr std::string_view opening = "engin::detail::Tag<";
  if (name.starts_with(opening) && name.ends_with('>')) {
    name = name.substr(opening.size(), name.size() - opening.size() - 1);
    if (name.ends_with(' ')) name.pop_back();
  }
  return readable(name);
}

Assembly::Assembly(std::vector<Element> elements, std::size_t own) : own_(own) {
  nodes_.reserve(elements.size());
  for (Element& element : elements) nodes_.push_back({.element = std::move(element)});
}

bool Assembly::is_invocation(std::size_t node) const noexcept {
  const Kind kind = nodes_[node].element.kind;
  return kind != Kind::Provide && kind != Kind::Supply;
}

bool Assembly::is_root(std::size_t node) const noexcept { return node < own_ || is_invocation(node); }

// ---- resolving

void Assembly::resolve() {
  if (!std::exchange(resolved_, true)) {
    index_offers();
    apply_overrides();
    report_duplicates();
    order_.reserve(nodes_.size());
    for (std::size_t node = 0; node < nodes_.size(); ++node) {
      if (!is_root(node) || nodes_[node].mark != Mark::Unseen) continue;
      nodes_[node].parent = node;
      visit(node);
    }
    // All values come before the first invocation.
    std::vector<std::size_t> invocations;
    std::copy_if(order_.begin(), order_.end(), std::back_inserter(invocations),
                 [&](std::size_t node) { return is_invocation(node); });
    std::erase_if(order_, [&](std::size_t node) { return is_invocation(node); });
    order_.insert(order_.end(), invocations.begin(), invocations.end());
  }
  if (!errors_.empty()) throw AssemblyError(errors_);
}

void Assembly::index_offers() {
  offers_.reserve(nodes_.size());
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    const Element& element = nodes_[node].element;
    for (std::size_t face = 0; face < element.faces.size(); ++face) {
      offers_[*element.faces[face].type].push_back({node, face});
    }
  }
}

void Assembly::apply_overrides() {
  for (std::size_t node = own_; node < nodes_.size(); ++node) {
    const Element& element = nodes_[node].element;
    if (!element.overrides) continue;
    for (const detail::Face& face : element.faces) {
      const auto& offers = offers_of(face.type);
      if (std::any_of(offers.begin(), offers.end(), [&](Offer other) { return is_overridden_by(other, element); }))
        continue;
      const Need need{.type = face.type, .name = element.name.c_str(), .constant = true};
      errors_.push_back("Override of " + text_of(node) + ": there is nothing to override" + similar_types(need));
    }
  }
  for (const Node& node : nodes_) {
    if (!node.element.overrides) continue;
    for (const detail::Face& face : node.element.faces) {
      std::erase_if(offers_[*face.type], [&](Offer other) {
        if (!is_overridden_by(other, node.element)) return false;
        return nodes_[other.node].overridden = true;
      });
    }
  }
  // Known under several interfaces, some of which were overridden, it still gives the others.
  for (const auto& [type, offers] : offers_) {
    for (const Offer& offer : offers) nodes_[offer.node].overridden = false;
  }
}

bool Assembly::is_overridden_by(Offer offer, const Element& by) const {
  const Element& element = nodes_[offer.node].element;
  return offer.node >= own_ && !element.overrides && element.name == by.name;
}

bool Assembly::is_duplicate(const Offer& offer) const {
  const Element& element = nodes_[offer.node].element;
  const std::type_info* type = element.faces[offer.face].type;
  if (element.name.empty() && collected_.contains(*type)) return false;
  const auto& offers = offers_of(type);
  return std::count_if(offers.begin(), offers.end(),
                       [&](const Offer& other) { return nodes_[other.node].element.name == element.name; }) > 1;
}

void Assembly::report_duplicates() {
  for (const Node& node : nodes_) {
    if (node.overridden) continue;
    for (const Need& need : node.element.needs) {
      if (need.collection) collected_.insert(*need.type);
    }
  }
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    const Element& element = nodes_[node].element;
    for (std::size_t face = 0; face < element.faces.size(); ++face) {
      const auto& offers = offers_of(element.faces[face].type);
      const auto same = [&](const Offer& other) { return nodes_[other.node].element.name == element.name; };
      const auto first = std::find_if(offers.begin(), offers.end(), same);
      if (first == offers.end() || first->node != node || !is_duplicate(*first)) continue;
      const std::string type = type_text(*element.faces[face].type);
      std::string error =
          (element.name.empty() ? type : named_text(type, element.name)) + " is provided more than once:";
      for (const Offer& offer : offers) {
        if (same(offer)) error += (&offer == &*first ? " " : ", ") + text_of(offer.node);
      }
      errors_.push_back(error + (element.name.empty() ? "; name them, or take all of them as a collection" : ""));
    }
  }
}

const std::vector<Assembly::Offer>& Assembly::offers_of(const std::type_info* type) const {
  static const auto* const none = new std::vector<Offer>();
  const auto found = offers_.find(*type);
  return found == offers_.end() ? *none : found->second;
}

std::vector<Assembly::Offer> Assembly::matching_offers(const Need& need) const {
  std::vector<Offer> found;
  for (const Offer& offer : offers_of(need.type)) {
    const Element& element = nodes_[offer.node].element;
    if (!need.collection && element.name != need.name) continue;
    if ((element.constant && !need.constant) || (element.borrowed && need.shared)) continue;
    found.push_back(offer);
  }
  return found;
}

void Assembly::visit(std::size_t node) {
  nodes_[node].mark = Mark::Open;
  nodes_[node].sources.resize(nodes_[node].element.needs.size());
  for (std::size_t need = 0; need < nodes_[node].element.needs.size(); ++need) resolve_need(node, need);
  nodes_[node].mark = Mark::Done;
  order_.push_back(node);
}

void Assembly::resolve_need(std::size_t node, std::size_t index) {
  const Need need = nodes_[node].element.needs[index];
  std::vector<Offer> found = matching_offers(need);
  const bool missing = need.collection ? found.size() < offers_of(need.type).size() : found.empty() && !need.optional;
  if (missing) errors_.push_back(path_to(node) + " needs " + need_text(need) + ": " + why_missing(need));
  if (!need.collection && found.size() > 1) {
    if (!is_duplicate(found.front())) {
      std::string error = path_to(node) + " needs one " + need_text(need) + ", but there are several:";
      for (const Offer& offer : found) error += (&offer == &found.front() ? " " : ", ") + text_of(offer.node);
      errors_.push_back(error + "; name them, or take all of them as a collection");
    }
    found.resize(1);
  }
  for (const Offer& offer : found) {
    Node& source = nodes_[offer.node];
    nodes_[node].sources[index].push_back({offer.node, source.element.faces[offer.face].convert});
    if (source.mark == Mark::Open) {
      report_cycle(node, offer.node);
    } else if (source.mark == Mark::Unseen) {
      source.parent = node;
      visit(offer.node);
    }
  }
}

// ---- words

void Assembly::report_cycle(std::size_t node, std::size_t back_to) {
  errors_.push_back(path_to(node) + " needs " + types_of(back_to) + ": a cycle");
}

std::string Assembly::path_to(std::size_t node) const {
  std::string path = text_of(node);
  for (std::size_t at = node; nodes_[at].parent != at; at = nodes_[at].parent) {
    path = text_of(nodes_[at].parent) + " needs " + path;
  }
  return path;
}

std::string Assembly::types_of(std::size_t node) const {
  const Element& element = nodes_[node].element;
  std::string types;
  for (const detail::Face& face : element.faces) {
    const std::string type = type_text(*face.type);
    types += (types.empty() ? "" : ", ") + (element.name.empty() ? type : named_text(type, element.name));
  }
  return types;
}

std::string Assembly::by_of(std::size_t node) const {
  if (node < own_) return "the Engin";
  const Element& element = nodes_[node].element;
  if (element.function == nullptr) return *element.callee != '\0' ? element.callee : type_text(*element.made) + "()";
  const std::string name = symbol_name(element.function);
  return name.empty() ? "a function" : name;
}

std::string Assembly::text_of(std::size_t node) const {
  const Element& element = nodes_[node].element;
  std::string text;
  switch (element.kind) {
    case Kind::Provide:
    case Kind::Supply:
      text = types_of(node) + " <- " + by_of(node);
      break;
    case Kind::Invoke:
      text = "Invoke(" + by_of(node) + ")";
      break;
    case Kind::Entrypoint:
      text = "Entrypoint<" + type_text(*element.made) + ">";
      break;
    case Kind::Populate:
      text = "Populate<" + type_text(*element.made) + ">";
      break;
  }
  if (node < own_) return text;
  return text + " (" + (element.block.empty() ? "" : element.block + ", ") + place_of(element) + ")";
}

std::string Assembly::why_missing(const Need& need) const {
  const std::string type = type_text(*need.type);
  for (const Offer& offer : offers_of(need.type)) {
    const Element& element = nodes_[offer.node].element;
    if (!need.collection && element.name != need.name) continue;
    if (element.constant && !need.constant) {
      return text_of(offer.node) + " provides it const; did you mean const " + type + "&?";
    }
    if (element.borrowed && need.shared) {
      return text_of(offer.node) + " only refers to it, nothing owns it; did you mean " + type + "&?";
    }
  }
  return "nothing provides it" + similar_types(need);
}

std::string Assembly::similar_types(const Need& need) const {
  const std::string type = type_text(*need.type);
  const std::string_view word = last_part(type);
  for (const Node& node : nodes_) {
    const auto candidate = static_cast<std::size_t>(&node - nodes_.data());
    if (node.overridden || node.element.overrides || candidate < own_) continue;
    for (const detail::Face& face : node.element.faces) {
      const bool same = *face.type == *need.type && node.element.name != need.name;
      if (same || (*face.type != *need.type && contains_word(type_text(*face.type), word))) {
        return "; did you mean " + types_of(candidate) + "?";
      }
    }
  }
  return "";
}

std::string Assembly::unneeded() const {
  std::string text;
  for (std::size_t node = own_; node < nodes_.size(); ++node) {
    if (nodes_[node].mark != Mark::Unseen || nodes_[node].overridden) continue;
    text += (text.empty() ? "nothing needs " : ", ") + text_of(node);
  }
  return text;
}

Graph Assembly::graph() const {
  Graph graph;
  std::vector<std::size_t> index(nodes_.size());
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    if (nodes_[node].overridden) continue;
    const Element& element = nodes_[node].element;
    index[node] = graph.nodes.size();
    graph.nodes.push_back({.kind = static_cast<Graph::Kind>(element.kind),
                           .type = element.faces.empty() && element.made != nullptr ? type_text(*element.made) : "",
                           .name = element.name,
                           .by = by_of(node),
                           .where = node < own_ ? "" : place_of(element),
                           .block = element.block});
    Graph::Node& added = graph.nodes.back();
    for (const detail::Face& face : element.faces) {
      added.type += (added.type.empty() ? "" : ", ") + type_text(*face.type);
    }
  }
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    for (const auto& sources : nodes_[node].sources) {
      for (const Source& source : sources) graph.nodes[index[node]].needs.push_back(index[source.node]);
    }
  }
  for (std::size_t at = 0; at < order_.size(); ++at) graph.nodes[index[order_[at]]].order = at + 1;
  return graph;
}

// ---- making

void Assembly::make(std::size_t at) {
  Node& node = nodes_[at];
  std::vector<Argument> arguments(node.sources.size());
  for (std::size_t i = 0; i < node.sources.size(); ++i) {
    for (const Source& source : node.sources[i]) {
      const detail::Value& value = nodes_[source.node].value;
      void* object = source.convert(value.object);
      if (node.element.needs[i].collection) {
        arguments[i].all.push_back(object);
      } else {
        arguments[i].object = object;
        arguments[i].owner = value.owner;
      }
    }
  }
  if (node.element.maker != nullptr) node.value = node.element.maker->make(arguments.data());
  if (!is_invocation(at) && node.value.object == nullptr) throw Error("it gave null");
}

}  // namespace engin::host
