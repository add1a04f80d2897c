#include "planner/values/dependencies.hpp"

#include "planner/spec_resolution.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <string>
#include <utility>

namespace pgbackfill::planner {
namespace {

bool takes_from(const ValueWork& work, SourceKind kind) {
  return work.needs_value && work.source != nullptr && work.source->kind == kind;
}

}  // namespace

Dependencies::Dependencies(const JobSpec& spec, const Scope& scope) {
  const auto values = scope.values();
  needs_.resize(values.size());
  need_parents(spec, values);
  need_mentioned(values);
  levels_.assign(values.size(), -1);
  for (std::size_t i = 0; i < values.size(); ++i) find_level(i);
}

void Dependencies::need_parents(const JobSpec& spec, const std::vector<const ValueWork*>& values) {
  std::multimap<std::pair<sql::QualifiedName, std::string>, std::size_t> by_name;
  for (std::size_t i = 0; i < values.size(); ++i) {
    by_name.emplace(std::pair(values[i]->table->name, values[i]->name), i);
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const ValueWork& work = *values[i];
    if (!takes_from(work, SourceKind::kParent)) continue;
    const auto [first, last] =
        by_name.equal_range({resolve_name(work.source->parent, spec.schema), work.parent_column()});
    for (auto other = first; other != last; ++other) {
      if (other->second != i) needs_[i].insert(other->second);
    }
  }
}

/// A mention in an expression is only a hint: one that would close a cycle is not followed.
void Dependencies::need_mentioned(const std::vector<const ValueWork*>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const ValueWork& work = *values[i];
    if (!takes_from(work, SourceKind::kSql)) continue;
    for (std::size_t j = 0; j < values.size(); ++j) {
      if (values[j]->table != work.table &&
          mentions_word(work.source->expression, values[j]->table->name.name) && !reaches(j, i)) {
        needs_[i].insert(j);
      }
    }
  }
}

void Dependencies::find_level(std::size_t value) {
  if (levels_[value] >= 0) return;
  int deepest = -1;
  for (const std::size_t other : needs_[value]) {
    find_level(other);
    deepest = std::max(deepest, levels_[other]);
  }
  levels_[value] = deepest + 1;
}

std::vector<std::size_t> Dependencies::order() const {
  std::vector<std::size_t> tables(needs_.size());
  std::iota(tables.begin(), tables.end(), std::size_t{0});
  std::stable_sort(tables.begin(), tables.end(),
                   [&](std::size_t a, std::size_t b) { return level(a) < level(b); });
  return tables;
}

bool Dependencies::reaches(std::size_t from, std::size_t to) const {
  std::set<std::size_t> seen{from};
  for (std::vector<std::size_t> open{from}; !open.empty();) {
    const std::size_t at = open.back();
    open.pop_back();
    if (at == to) return true;
    for (const std::size_t next : needs_[at]) {
      if (seen.insert(next).second) open.push_back(next);
    }
  }
  return false;
}

bool is_among(const std::vector<ValueWork>& values, const ValueWork& work) {
  return &work >= values.data() && &work < values.data() + values.size();
}

std::vector<std::string> steps_needed(const PlanContext& context, const Dependencies& dependencies,
                                      std::size_t value, std::string (*id)(const ValueWork&)) {
  std::vector<std::string> ids;
  const auto all = context.scope.values();
  for (const std::size_t other : dependencies.of(value)) {
    std::string step = id(*all[other]);
    if (context.step(step) != nullptr) ids.push_back(std::move(step));
  }
  return ids;
}

}  // namespace pgbackfill::planner
