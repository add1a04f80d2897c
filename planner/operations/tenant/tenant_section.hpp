#pragma once

#include "planner/file/toml_document.hpp"
#include "planner/job_spec.hpp"

#include <vector>

namespace pgbackfill::planner {

// Each reads one table of the migration file and appends every defect that can be seen in it
// alone to `errors`. A member that had a defect is left empty; once there is an error the result
// is only good for looking for more of them.

TenantSpec read_tenant(const TomlValue& value, std::vector<SpecError>& errors);
LookupSpec read_lookup(const TomlValue& value, std::vector<SpecError>& errors);
TableSpec read_table(const TomlValue& value, std::vector<SpecError>& errors);

}  // namespace pgbackfill::planner
