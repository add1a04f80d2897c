#pragma once

#include "planner/file/toml_document.hpp"
#include "planner/job_spec.hpp"

#include <vector>

namespace pgbackfill::planner {

class CatalogCheck;
struct VerifyContext;

// The parts of the operation column.
/// Reads one [[column]]; defects go to `errors`.
ColumnSpec read_column(const TomlValue& value, std::vector<SpecError>& errors);
/// Columns that are there twice, lookups that are not defined, parents in a circle.
void check_column_rules(const JobSpec& spec, std::vector<SpecError>& errors);
/// Tables, columns and types that the file names and the database does not have.
void check_column_catalog(CatalogCheck& check);
void verify_columns(VerifyContext& context);

}  // namespace pgbackfill::planner
