#pragma once

#include "planner/plan/outlook.hpp"
#include "planner/plan/plan.hpp"
#include "sql/connection.hpp"

namespace pgbackfill::engine {

/// Tries out on a copy of some rows what writing a row costs, for each table whose rows the plan
/// writes: in a temporary table with the same indexes, in a transaction that is rolled back. Only
/// reads the tables themselves. One writer, every row entering every index (the backfill spares
/// most that), and no WAL, which temporary tables do not write. A table that cannot be copied
/// (an index calls a function that the role may not, say) is left out.
planner::Samples sample_tables(const planner::Plan& plan, sql::Connection& connection);

}  // namespace pgbackfill::engine
