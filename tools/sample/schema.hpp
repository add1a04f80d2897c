#pragma once

#include <string_view>

namespace pgbackfill::tools {

/// tools/sample/schema.sql, embedded at build time.
std::string_view sample_schema();

/// Tables and types: the part that runs before the rows are written.
std::string_view schema_before_data();
/// Keys, indexes and foreign keys. Throws std::logic_error when the text has no second part.
std::string_view schema_after_data();

}  // namespace pgbackfill::tools
