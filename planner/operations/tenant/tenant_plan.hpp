#pragma once

#include "planner/plan/step_builder.hpp"

namespace pgbackfill::planner {

// The stages of the tenant column that other columns do not have, each appending its steps to
// context.plan. For the rest see planner/values/value_plan.hpp.
void plan_tenant_foreign_keys(PlanContext& context);
void plan_tenant_indexes(PlanContext& context);
void plan_tenant_finish(PlanContext& context);

}  // namespace pgbackfill::planner
