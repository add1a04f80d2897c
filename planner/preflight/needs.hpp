#pragma once

#include "sql/catalog.hpp"
#include "sql/identifier.hpp"

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace pgbackfill::planner {

/// What the operations of a job are going to touch, as far as privileges and the kinds of tables
/// matter.
struct Needs {
  /// Tables that are altered, roots of partitioned ones, each with whether its rows are written.
  std::vector<std::pair<const sql::Table*, bool>> altered;
  std::set<const sql::Table*> read;

  struct OwnedType {
    sql::QualifiedName name;
    std::string owner;
    bool owned = false;  ///< the role is a member of the owner
    bool built = false;  ///< another type is made beside it
  };
  std::vector<OwnedType> types;

  struct Use {
    const sql::Table* table = nullptr;
    std::string privilege;             ///< as in GRANT
    std::vector<std::string> columns;  ///< the privilege on these alone does as well
    std::string purpose;
  };
  std::vector<Use> uses;

  /// The columns that are set in the tables whose rows are written.
  std::map<const sql::Table*, std::vector<std::string>> written;

  /// `column`: the one that is set where rows are written; empty: one that is not there yet.
  void alter(const sql::Table& table, bool rewritten, const std::string& column = {}) {
    if (rewritten && !column.empty()) written[&table].push_back(column);
    const auto [place, is_new] = places_.emplace(&table, altered.size());
    if (is_new) altered.emplace_back(&table, false);
    bool& written_too = altered[place->second].second;
    written_too = written_too || rewritten;
  }

 private:
  std::map<const sql::Table*, std::size_t> places_;  ///< in `altered`
};

}  // namespace pgbackfill::planner
