#pragma once

#include <string_view>
#include <vector>

namespace pgbackfill::sql {

/// The text of sql/statements/<name>.sql, embedded at build time.
/// Throws std::out_of_range for a name that has no file.
std::string_view statement(std::string_view name);

/// The names of all embedded statements, sorted.
std::vector<std::string_view> statement_names();

}  // namespace pgbackfill::sql
