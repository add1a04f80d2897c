#pragma once

#include "planner/plan/step_builder.hpp"

#include <string>
#include <utility>
#include <vector>

namespace pgbackfill::planner {

// Questions for Step::losses: each a SELECT of (text, boolean).

/// What of others hangs on a column and would keep it from being dropped, or would go with it.
std::string column_dependents(const sql::QualifiedName& table, const std::string& label,
                              const std::string& column);

/// A column as SQL knows it, whether or not it is there.
using ColumnName = std::pair<sql::QualifiedName, std::string>;

/// What of others hangs on a type besides the columns that the job knows, and would keep it from
/// being dropped.
std::string type_dependents(const sql::QualifiedName& type, const std::string& label,
                            const std::vector<ColumnName>& known);

}  // namespace pgbackfill::planner
