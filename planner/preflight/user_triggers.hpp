#pragma once

#include "planner/job_spec.hpp"
#include "planner/plan/plan.hpp"
#include "planner/preflight/preflight.hpp"
#include "sql/connection.hpp"
#include "sql/identifier.hpp"

#include <set>
#include <string>
#include <vector>

namespace pgbackfill::planner {

/// A table that holds rows (a leaf, where it is partitioned) and the columns that a job sets there.
struct WrittenTable {
  sql::QualifiedName table;
  std::vector<std::string> columns;
};

/// Those of which the plan's steps may still write rows, `done` being complete.
std::vector<WrittenTable> written_tables(const Plan& plan, const std::set<std::string>& done);

/// The application's triggers on these tables, which our UPDATEs would fire: what is to be said of
/// them under `choice`, all in one finding, and whether the role may do what it asks for.
std::vector<Finding> check_user_triggers(const std::vector<WrittenTable>& tables,
                                         UserTriggers choice, const std::string& schema,
                                         sql::Connection& connection);

/// Leaves triggers out of what its transaction writes: our own too, which are for other writers'
/// rows (a batch sets every column that they would, and changes nothing that they follow).
inline constexpr std::string_view kSkipTriggers = "SET LOCAL session_replication_role = replica";

}  // namespace pgbackfill::planner
