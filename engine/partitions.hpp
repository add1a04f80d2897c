#pragma once

#include "engine/engine.hpp"
#include "planner/job_spec.hpp"
#include "planner/plan/plan.hpp"
#include "sql/connection.hpp"

#include <optional>

namespace pgbackfill::engine {

/// Compares the job's plan with the partitions that its tables have now. Steps over partitions that
/// are gone are noted as done, steps over those that came are added to the ledger. Gives the plan
/// to go on with where either was so, or where a partition is back.
std::optional<planner::Plan> follow_partitions(const planner::JobSpec& spec,
                                               const planner::Plan& plan, int job_id,
                                               sql::Connection& connection, const LogSink& log);

}  // namespace pgbackfill::engine
