#pragma once

#include "planner/job_spec.hpp"

#include <vector>

namespace pgbackfill::planner {

/// Repeated names, lookups and parents that are not defined, cycles between parents, tables
/// without a value.
void check_tenant_rules(const JobSpec& spec, std::vector<SpecError>& errors);

}  // namespace pgbackfill::planner
