#pragma once

#include "planner/file/toml_document.hpp"
#include "planner/job_spec.hpp"

#include <vector>

namespace pgbackfill::planner {

// Each reads one table of the migration file and appends every defect that can be seen in it
// alone to `errors`. A member that had a defect is left empty; once there is an error the result
// is only good for looking for more of them.

RunOptions read_run(const TomlValue& value, std::vector<SpecError>& errors);
EnsureSpec read_ensure(const TomlValue& value, std::vector<SpecError>& errors);
TenantSpec read_tenant(const TomlValue& value, std::vector<SpecError>& errors);
LookupSpec read_lookup(const TomlValue& value, std::vector<SpecError>& errors);
TableSpec read_table(const TomlValue& value, std::vector<SpecError>& errors);
EnumSpec read_enum(const TomlValue& value, std::vector<SpecError>& errors);
ConvertSpec read_convert(const TomlValue& value, std::vector<SpecError>& errors);

/// A value source, of a [[table]] or of [tenant].
ValueSource read_value_source(const TomlValue& value, const std::string& title,
                              std::vector<SpecError>& errors);

}  // namespace pgbackfill::planner
