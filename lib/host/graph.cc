#include "engin/graph.h"

#include <map>
#include <string>
#include <string_view>

namespace engin {

namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string label_of(const Graph::Node& node) {
  std::string first = node.type;
  switch (node.kind) {
    case Graph::Kind::Provide:
    case Graph::Kind::Supply:
      break;
    case Graph::Kind::Invoke:
      first = "Invoke";
      break;
    case Graph::Kind::Entrypoint:
      return "Entrypoint<" + node.type + ">";
    case Graph::Kind::Populate:
      return "Populate<" + node.type + ">";
  }
  if (!node.name.empty()) first += " \"" + node.name + "\"";
  return first + "\n" + node.by;
}

// A label's line end is the two characters \n to Graphviz.
std::string graphviz_label(const Graph::Node& node) {
  std::string label = node.order == 0 ? label_of(node) : std::to_string(node.order) + ". " + label_of(node);
  std::string text = quoted(label);
  for (auto at = text.find('\n'); at != std::string::npos; at = text.find('\n', at)) text.replace(at, 1, "\\n");
  return text;
}

}  // namespace

std::string Graph::graphviz() const {
  std::string out = "digraph engin {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n";
  std::map<std::string, std::string> blocks;  // block, lines
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const Node& node = nodes[i];
    const bool invocation = node.kind != Kind::Provide && node.kind != Kind::Supply;
    std::string line = "  n" + std::to_string(i) + " [label=" + graphviz_label(node);
    if (invocation) line += ", style=bold";
    if (node.order == 0) line += ", style=\"rounded,dashed\"";
    blocks[node.block] += line + "];\n";
  }
  std::size_t cluster = 0;
  for (const auto& [block, lines] : blocks) {
    out += block.empty()
               ? lines
               : "subgraph cluster_" + std::to_string(cluster++) + " {\nlabel=" + quoted(block) + ";\n" + lines + "}\n";
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const std::size_t need : nodes[i].needs) {
      out += "  n" + std::to_string(need) + " -> n" + std::to_string(i) + ";\n";
    }
  }
  return out + "}\n";
}

}  // namespace engin
