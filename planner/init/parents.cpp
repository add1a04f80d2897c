#include "planner/init/parents.hpp"

#include <algorithm>
#include <map>

namespace pgbackfill::planner {
namespace {

std::vector<ParentChoice> choices_of(const sql::Table& table,
                                     const std::vector<const sql::Table*>& tables) {
  std::vector<ParentChoice> choices;
  for (const sql::ForeignKey& key : table.foreign_keys) {
    const auto parent = std::find_if(tables.begin(), tables.end(), [&](const sql::Table* other) {
      return other->name == key.referenced;
    });
    if (key.columns.size() != 1 || parent == tables.end() || *parent == &table) continue;
    const sql::Column* via = table.column(key.columns.front());
    // A trigger could not see what a generated column will be.
    if (via == nullptr || via->generated) continue;
    choices.push_back({*parent, via->name, via->not_null && key.validated});
  }
  std::stable_sort(choices.begin(), choices.end(),
                   [](const auto& a, const auto& b) { return a.certain && !b.certain; });
  return choices;
}

/// A column beside the tenant's that refers to the organizations.
void find_own_reference(ProposedTable& proposed, const sql::Table& organizations,
                        const std::string& tenant_column) {
  for (const sql::ForeignKey& key : proposed.table->foreign_keys) {
    if (key.referenced != organizations.name || key.columns.size() != 1 ||
        key.columns.front() == tenant_column) {
      continue;
    }
    const sql::Column* column = proposed.table->column(key.columns.front());
    if (column == nullptr || (!proposed.own_reference.empty() && !column->not_null)) continue;
    proposed.own_reference = column->name;
    proposed.own_certain = column->not_null && !column->generated;
  }
}

}  // namespace

std::vector<ProposedTable> with_parents(const std::vector<const sql::Table*>& tables,
                                        const sql::Table& organizations,
                                        const std::string& tenant_column) {
  std::vector<ProposedTable> waiting;
  for (const sql::Table* table : tables) {
    ProposedTable proposed;
    proposed.table = table;
    proposed.alternatives = choices_of(*table, tables);
    find_own_reference(proposed, organizations, tenant_column);
    waiting.push_back(std::move(proposed));
  }
  std::vector<ProposedTable> placed;
  const auto is_placed = [&](const sql::Table* table) {
    return std::any_of(placed.begin(), placed.end(),
                       [&](const ProposedTable& other) { return other.table == table; });
  };
  const auto is_root = [](const ProposedTable& proposed) {
    return proposed.own_certain || proposed.alternatives.empty() ||
           !proposed.alternatives.front().certain;
  };
  // Level by level from the roots: the first parent that is placed is on the shortest way.
  for (std::size_t before = 1; !waiting.empty() && before > 0;) {
    std::vector<ProposedTable> level;
    std::vector<ProposedTable> rest;
    for (ProposedTable& proposed : waiting) {
      const auto parent = std::find_if(
          proposed.alternatives.begin(), proposed.alternatives.end(),
          [&](const ParentChoice& choice) { return choice.certain && is_placed(choice.parent); });
      if (is_root(proposed)) {
        level.push_back(std::move(proposed));
      } else if (parent != proposed.alternatives.end()) {
        proposed.parent = *parent;
        proposed.alternatives.erase(parent);
        level.push_back(std::move(proposed));
      } else {
        rest.push_back(std::move(proposed));
      }
    }
    before = level.size();
    std::move(level.begin(), level.end(), std::back_inserter(placed));
    waiting = std::move(rest);
  }
  // Tables that refer to one another in a circle: nobody can tell where to begin.
  std::move(waiting.begin(), waiting.end(), std::back_inserter(placed));
  return placed;
}

}  // namespace pgbackfill::planner
