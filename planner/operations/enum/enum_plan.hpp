#pragma once

#include "planner/operations/enum/enum_work.hpp"
#include "planner/plan/step_builder.hpp"

#include <string>
#include <string_view>

namespace pgbackfill::planner {

// The stages of the enum types, each appending its steps to context.plan.
void plan_enum_expand(PlanContext& context);
void plan_enum_enforce(PlanContext& context);
void plan_enum_indexes(PlanContext& context);
void plan_enum_finish(PlanContext& context);
void plan_enum_rename(PlanContext& context, const EnumWork& work);

/// The new label of an enum column of the row `row`, as an expression of the new type.
std::string remap_expression(const EnumWork& work, const EnumColumnWork& column,
                             std::string_view row);

}  // namespace pgbackfill::planner
