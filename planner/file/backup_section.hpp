#pragma once

#include "planner/file/toml_document.hpp"
#include "planner/job_spec.hpp"

#include <vector>

namespace pgbackfill::planner {

/// [backup]: the command, of which every placeholder is known and can be filled in.
BackupSpec read_backup(const TomlValue& value, std::vector<SpecError>& errors);

}  // namespace pgbackfill::planner
