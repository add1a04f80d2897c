#pragma once

#include "planner/file/toml_document.hpp"
#include "planner/file/toml_section.hpp"
#include "planner/job_spec.hpp"

#include <string>
#include <vector>

namespace pgbackfill::planner {

/// A value source: { constant | lookup | parent | sql = … }. `title` begins each message.
ValueSource read_value_source(const TomlValue& value, const std::string& title,
                              std::vector<SpecError>& errors);

/// The key "value" of a section. One that cannot be read is still a value: it must not be missed
/// a second time.
std::optional<ValueSource> read_value(const TomlSection& section);

}  // namespace pgbackfill::planner
