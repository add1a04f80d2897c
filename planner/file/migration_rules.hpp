#pragma once

#include "planner/job_spec.hpp"

#include <vector>

namespace pgbackfill::planner {

/// What only shows when the parts of a migration file are seen together: repeated names, lookups
/// and parents that are not defined, cycles between parents, tables without a value.
void check_rules(const JobSpec& spec, std::vector<SpecError>& errors);

}  // namespace pgbackfill::planner
