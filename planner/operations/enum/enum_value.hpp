#pragma once

#include "planner/operations/enum/enum_work.hpp"
#include "planner/plan/plan.hpp"
#include "planner/plan/step_builder.hpp"

#include <string>
#include <string_view>

namespace pgbackfill::planner {

/// The type of a column's shadow, as SQL.
std::string shadow_column_type(const EnumWork& work, const EnumColumnWork& column);

/// The new value depends on the old one alone, label by label, and needs no subquery.
bool remaps_plainly(const EnumWork& work, const EnumColumnWork& column);

/// The new value of an enum column of the row `row`, as an expression of the shadow's type.
std::string remap_expression(const EnumWork& work, const EnumColumnWork& column,
                             std::string_view row);

/// The shadow of the row `row`, so that it can be compared with its new value: no operator takes a
/// domain over an enum type.
std::string comparable_shadow(const EnumWork& work, const EnumColumnWork& column,
                              std::string_view row);

/// What the backfill sets.
Assignment shadow_assignment(const EnumWork& work, const EnumColumnWork& column);

/// Where conditions decide, and so more than the row's own trigger sees may count: compares the
/// shadows with them once more.
void add_enum_reconcile(PlanContext& context, const EnumWork& work);

}  // namespace pgbackfill::planner
