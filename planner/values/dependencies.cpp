#include "planner/values/dependencies.hpp"

#include "planner/spec_resolution.hpp"

#include <algorithm>
#include <numeric>

namespace pgbackfill::planner {

Dependencies::Dependencies(const JobSpec& spec, const Scope& scope) {
  const auto values = scope.values();
  needs_.resize(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const ValueWork& work = *values[i];
    if (!work.needs_value || work.source == nullptr || work.source->kind != SourceKind::kParent) {
      continue;
    }
    const auto parent = resolve_name(work.source->parent, spec.schema);
    for (std::size_t j = 0; j < values.size(); ++j) {
      if (i != j && values[j]->table->name == parent && values[j]->name == work.parent_column()) {
        needs_[i].insert(j);
      }
    }
  }
  // A mention in an expression is only a hint: one that would close a cycle is not followed.
  for (std::size_t i = 0; i < values.size(); ++i) {
    const ValueWork& work = *values[i];
    if (!work.needs_value || work.source == nullptr || work.source->kind != SourceKind::kSql) {
      continue;
    }
    for (std::size_t j = 0; j < values.size(); ++j) {
      if (values[j]->table != work.table &&
          mentions_word(work.source->expression, values[j]->table->name.name) && !reaches(j, i)) {
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
