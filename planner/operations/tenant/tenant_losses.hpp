#pragma once

#include "planner/plan/step_builder.hpp"

#include <string>
#include <vector>

namespace pgbackfill::planner {

// Questions for Step::losses.

/// What goes with the tenant column that the job added: rows whose organization nothing but the
/// column tells.
std::vector<std::string> tenant_column_losses(const PlanContext& context, const TableWork& work);

/// The tenant column was there before, so what the job wrote into it stays.
std::string kept_values(const PlanContext& context, const TableWork& work);

}  // namespace pgbackfill::planner
