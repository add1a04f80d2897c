#pragma once

#include "planner/job_spec.hpp"
#include "sql/identifier.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace pgbackfill::planner {

/// The value source of a table: its own, or else the tenant's. nullptr when there is neither.
const ValueSource* effective_value(const JobSpec& spec, const TableSpec& table);

/// A table or type name as written, in the schema of the job where it names none. A text that is
/// not a name at all becomes a name that nothing has.
sql::QualifiedName resolve_name(std::string_view written, const std::string& schema);

/// A path in the migration file (a lookup's CSV, the directory of backups): relative to that file.
std::filesystem::path beside_file(const std::string& migration_file, const std::string& file);

struct ColumnReference {
  std::string table;  ///< as written: `name` or `schema.name`
  std::string column;
};

/// Splits `table.column` or `schema.table.column`, parts quoted where need be; nullopt when the
/// text is neither.
std::optional<ColumnReference> split_column(std::string_view written);

/// A foreign-key or index template with its placeholders filled in; not shortened to what an
/// identifier may hold.
std::string expand_name(std::string_view name_template, std::string_view table,
                        std::string_view column, std::string_view references);

}  // namespace pgbackfill::planner
