#pragma once

#include "planner/job_spec.hpp"
#include "planner/plan/step_builder.hpp"
#include "planner/scope.hpp"

#include <cstddef>
#include <set>
#include <string>
#include <vector>

namespace pgbackfill::planner {

/// Which column takes its values from which other, by index into Scope::values().
class Dependencies {
 public:
  Dependencies(const JobSpec& spec, const Scope& scope);

  /// Those that `value` is computed from: of its parent, or of the tables that its expression
  /// names.
  const std::set<std::size_t>& of(std::size_t value) const { return needs_[value]; }

  /// 0 for one that needs no other, else one more than the deepest it needs.
  int level(std::size_t value) const { return levels_[value]; }

  /// All of them, each after those it needs; else in the order of the file.
  std::vector<std::size_t> order() const;

 private:
  void need_parents(const JobSpec& spec, const std::vector<const ValueWork*>& values);
  void need_mentioned(const std::vector<const ValueWork*>& values);
  bool reaches(std::size_t from, std::size_t to) const;
  void find_level(std::size_t value);

  std::vector<std::set<std::size_t>> needs_;
  std::vector<int> levels_;
};

/// `work` is an element of `values`.
bool is_among(const std::vector<ValueWork>& values, const ValueWork& work);

/// Of the values that `value` is computed from, the steps that `id` names and the plan has by now.
std::vector<std::string> steps_needed(const PlanContext& context, const Dependencies& dependencies,
                                      std::size_t value, std::string (*id)(const ValueWork&));

}  // namespace pgbackfill::planner
