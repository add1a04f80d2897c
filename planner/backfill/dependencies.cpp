#include "planner/backfill/dependencies.hpp"

#include "planner/spec_resolution.hpp"

#include <algorithm>
#include <numeric>

namespace pgbackfill::planner {

Dependencies::Dependencies(const JobSpec& spec, const Scope& scope) : needs_(scope.tables.size()) {
  const auto& tables = scope.tables;
  for (std::size_t i = 0; i < tables.size(); ++i) {
    if (!tables[i].needs_value || tables[i].source->kind != SourceKind::kParent) continue;
    const auto parent = resolve_name(tables[i].source->parent, spec.schema);
    for (std::size_t j = 0; j < tables.size(); ++j) {
      if (tables[j].table->name == parent && i != j) needs_[i].insert(j);
    }
  }
  // A mention in an expression is only a hint: one that would close a cycle is not followed.
  for (std::size_t i = 0; i < tables.size(); ++i) {
    if (!tables[i].needs_value || tables[i].source->kind != SourceKind::kSql) continue;
    for (std::size_t j = 0; j < tables.size(); ++j) {
      if (i != j && mentions_word(tables[i].source->expression, tables[j].table->name.name) &&
          !reaches(j, i)) {
        needs_[i].insert(j);
      }
    }
  }
}

int Dependencies::level(std::size_t table) const {
  int deepest = -1;
  for (const std::size_t other : needs_[table]) deepest = std::max(deepest, level(other));
  return deepest + 1;
}

std::vector<std::size_t> Dependencies::order() const {
  std::vector<std::size_t> tables(needs_.size());
  std::iota(tables.begin(), tables.end(), std::size_t{0});
  std::stable_sort(tables.begin(), tables.end(),
                   [&](std::size_t a, std::size_t b) { return level(a) < level(b); });
  return tables;
}

bool Dependencies::reaches(std::size_t from, std::size_t to) const {
  return from == to || std::any_of(needs_[from].begin(), needs_[from].end(),
                                   [&](std::size_t next) { return reaches(next, to); });
}

}  // namespace pgbackfill::planner
