// Matches what is needed with what is provided, before anything runs; then makes it, in order.
#ifndef ENGIN_LIB_HOST_ASSEMBLY_H_
#define ENGIN_LIB_HOST_ASSEMBLY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <typeindex>
#include <typeinfo>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "engin/graph.h"
#include "host/option_data.h"

namespace engin::host {

/// Used by one thread at a time.
class Assembly {
 public:
  /// `elements`: the Engin's own first, `own` of them, which nothing can override.
  Assembly(std::vector<detail::Element> elements, std::size_t own);
  Assembly(const Assembly&) = delete;
  Assembly& operator=(const Assembly&) = delete;

  /// Throws AssemblyError with everything that is wrong. Afterwards `order` is complete. Does its work once.
  void resolve();

  /// Nodes in the order in which `make` is to be called: what is needed first, then the invocations.
  const std::vector<std::size_t>& order() const noexcept { return order_; }
  bool is_invocation(std::size_t node) const noexcept;
  /// Makes a value, or runs an invocation. Throws what the provider throws, or Error if it gave null.
  void make(std::size_t node);
  /// Destroys the value. To be called in the reverse of that order.
  void destroy(std::size_t node) noexcept { nodes_[node].value = {}; }

  /// How a node came to be needed: "Invoke(run) (main.cc:9) needs Worker <- make_worker (main.cc:5)".
  std::string path_to(std::size_t node) const;
  /// What nothing needs, in one line; empty if there is no such thing.
  std::string unneeded() const;
  Graph graph() const;

 private:
  struct Source {
    std::size_t node;
    void* (*convert)(void*);
  };
  enum class Mark : std::uint8_t { Unseen, Open, Done };
  struct Node {
    detail::Element element;
    std::vector<std::vector<Source>> sources = {};  // one entry for each need
    std::size_t parent = 0;                         // who needed it first, and as which of its needs; itself: a root
    std::size_t parent_need = 0;
    Mark mark = Mark::Unseen;
    bool overridden = false;
    detail::Value value = {};
  };
  struct Offer {
    std::size_t node;
    std::size_t face;
  };

  bool is_root(std::size_t node) const noexcept;
  void index_offers();
  void apply_overrides();
  bool is_overridden_by(Offer offer, const detail::Element& by) const;
  void report_duplicates();
  void visit(std::size_t node);
  void resolve_need(std::size_t node, std::size_t need);
  void report_cycle(std::size_t node, std::size_t back_to);
  std::vector<Offer> matching_offers(const detail::Need& need) const;
  const std::vector<Offer>& offers_of(const std::type_info* type) const;
  bool is_duplicate(const Offer& offer) const;
  std::string text_of(std::size_t node) const;
  std::string by_of(std::size_t node) const;
  std::string types_of(std::size_t node) const;
  std::string why_missing(const detail::Need& need) const;
  std::string similar_types(const detail::Need& need) const;

  std::vector<Node> nodes_;
  const std::size_t own_;
  std::unordered_map<std::type_index, std::vector<Offer>> offers_;  // by type, in the order of the options
  std::unordered_set<std::type_index> collected_;                   // types that some parameter takes all of
  std::vector<std::size_t> order_;
  std::vector<std::string> errors_;
  bool resolved_ = false;
};

/// "Pool" of tag_of<Pool>().
std::string type_text(const std::type_info& tag);

}  // namespace engin::host

#endif  // ENGIN_LIB_HOST_ASSEMBLY_H_
