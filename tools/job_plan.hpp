#pragma once

#include "planner/job_spec.hpp"
#include "planner/plan/plan.hpp"
#include "planner/preflight/preflight.hpp"
#include "sql/connection.hpp"
#include "tools/commands.hpp"

#include <optional>
#include <vector>

namespace pgbackfill::tools {

/// The plan of a job that is under way or done; nullopt when there is none to show.
/// Throws engine::Refused when another job is under way.
std::optional<planner::Plan> stored_plan(const planner::JobSpec& spec, sql::Connection& connection,
                                         Console& console);

/// Prints them. Throws engine::Refused where one refuses.
void report_findings(const std::vector<planner::Finding>& findings, Console& console);

struct NewPlan {
  planner::Plan plan;
  std::vector<planner::Finding> findings;  ///< reported already; none refuses
};

/// What the job would do in this database as it is. Throws as report_findings(), and
/// planner::SpecErrors.
NewPlan new_plan(const planner::JobSpec& spec, sql::Connection& connection, Console& console);

}  // namespace pgbackfill::tools
