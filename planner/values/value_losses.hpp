#pragma once

#include "planner/plan/step_builder.hpp"

#include <string>
#include <vector>

namespace pgbackfill::planner {

// Questions for Step::losses.

/// What goes with a column that the job added: rows whose value nothing but the column tells.
std::vector<std::string> added_column_losses(const PlanContext& context, const ValueWork& work);

/// The column was there before, so what the job wrote into it stays.
std::string kept_values(const PlanContext& context, const ValueWork& work);

}  // namespace pgbackfill::planner
