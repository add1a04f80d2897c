#pragma once

#include "planner/file/toml_document.hpp"
#include "planner/operations/enum/enum_spec.hpp"

#include <vector>

namespace pgbackfill::planner {

/// Reads one [[enum]]; defects go to `errors`.
EnumSpec read_enum(const TomlValue& value, std::vector<SpecError>& errors);

}  // namespace pgbackfill::planner
