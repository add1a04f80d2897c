#pragma once

#include "planner/operations/enum/enum_work.hpp"
#include "planner/plan/step_builder.hpp"

#include <string>

namespace pgbackfill::planner {

// The stages of the enum types, each appending its steps to context.plan.
void plan_enum_expand(PlanContext& context);
void plan_enum_enforce(PlanContext& context);
void plan_enum_indexes(PlanContext& context);
void plan_enum_finish(PlanContext& context);
void plan_enum_rename(PlanContext& context, const EnumWork& work);

/// Appends the swap of one type, and what has to follow it at once. Returns why it cannot be taken
/// back; empty: it can.
std::string add_swap(PlanContext& context, const EnumWork& work);

std::string type_label(const PlanContext& context, const EnumWork& work);

}  // namespace pgbackfill::planner
