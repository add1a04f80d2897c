#pragma once

#include "planner/file/toml_document.hpp"
#include "planner/job_spec.hpp"

#include <vector>

namespace pgbackfill::planner {

/// [run]: the settings of run_settings(), each checked by itself.
RunOptions read_run(const TomlValue& value, std::vector<SpecError>& errors);

}  // namespace pgbackfill::planner
