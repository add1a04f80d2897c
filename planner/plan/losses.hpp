#pragma once

#include "planner/plan/step_builder.hpp"

#include <string>
#include <utility>
#include <vector>

namespace pgbackfill::planner {

// Questions for Step::losses: each a SELECT of (text, boolean).

/// What of others hangs on a column and would keep it from being dropped, or would go with it.
/// `carried`: identities of what the job itself takes away and brings back.
std::string column_dependents(const sql::QualifiedName& table, const std::string& label,
                              const std::string& column,
                              const std::vector<std::string>& carried = {});

/// A column as SQL knows it, whether or not it is there.
using ColumnName = std::pair<sql::QualifiedName, std::string>;

/// What of others hangs on a type besides the columns that the job knows, and would keep it from
/// being dropped.
std::string type_dependents(const sql::QualifiedName& type, const std::string& label,
                            const std::vector<ColumnName>& known,
                            const std::vector<std::string>& carried = {});

/// Identities of what depends on the column, or on the type, now: names, which stay when a thing
/// is made anew.
std::vector<std::string> dependents_now(sql::Connection& connection,
                                        const sql::QualifiedName& table, const std::string& column);
std::vector<std::string> dependents_now(sql::Connection& connection,
                                        const sql::QualifiedName& type);
/// SQL: "not among them", of the object with these columns as its address.
std::string not_among(const std::vector<std::string>& identities, std::string_view classid,
                      std::string_view objid, std::string_view objsubid);

}  // namespace pgbackfill::planner
