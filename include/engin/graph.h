// What an application is made of, as data.
#ifndef ENGIN_GRAPH_H_
#define ENGIN_GRAPH_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engin/detail/export.h"

namespace engin {

struct ENGIN_EXPORT Graph {
  enum class Kind : std::uint8_t { Provide, Supply, Invoke, Entrypoint, Populate };
  struct Node {
    Kind kind = Kind::Provide;
    /// What it gives: "Pool", with as(): "Database, Cache"; of an entrypoint: what it needs. Empty for an Invoke.
    std::string type = {};
    /// Of a named provider.
    std::string name = {};
    /// Who makes it: "make_pool", "a lambda", "PostgresPool()" for its constructor.
    std::string by = {};
    /// "main.cc:12"; empty for what the Engin itself provides.
    std::string where = {};
    /// "storage/cache"; empty outside blocks.
    std::string block = {};
    /// Indices of the nodes that it is given, in the order of its parameters.
    std::vector<std::size_t> needs = {};
    /// Its place in the order of construction and invocation, from 1; 0: nothing needs it, it is never made.
    std::size_t order = 0;
  };

  /// In the order of the options, the Engin's own first. Overridden ones are left out.
  std::vector<Node> nodes = {};
  /// Names of the lifecycle hooks whose on_start returned, in that order. Empty before the Engin started.
  std::vector<std::string> lifecycle = {};

  /// A digraph for `dot -Tsvg`: an arrow from what is needed to who needs it, blocks as boxes, the order as a number,
  /// what nothing needs dashed.
  std::string graphviz() const;
};

}  // namespace engin

#endif  // ENGIN_GRAPH_H_
