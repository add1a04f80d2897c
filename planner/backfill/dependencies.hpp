#pragma once

#include "planner/job_spec.hpp"
#include "planner/scope.hpp"

#include <cstddef>
#include <set>
#include <vector>

namespace pgbackfill::planner {

/// Which [[table]] takes its values from which other, by index into Scope::tables.
class Dependencies {
 public:
  Dependencies(const JobSpec& spec, const Scope& scope);

  /// The tables that `table` reads its values from: its parent, or those that its expression names.
  const std::set<std::size_t>& of(std::size_t table) const { return needs_[table]; }

  /// 0 for a table that needs no other, else one more than the deepest it needs.
  int level(std::size_t table) const;

  /// All tables, each after those it needs; else in the order of the file.
  std::vector<std::size_t> order() const;

 private:
  bool reaches(std::size_t from, std::size_t to) const;

  std::vector<std::set<std::size_t>> needs_;
};

}  // namespace pgbackfill::planner
