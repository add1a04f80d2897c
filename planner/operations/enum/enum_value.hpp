#pragma once

#include "planner/operations/enum/enum_work.hpp"
#include "planner/plan/plan.hpp"
#include "planner/plan/step_builder.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::planner {

/// Where labels lie in a column: its values are labels, or lists of them, or rows of a composite
/// type with attributes that are.
struct LabelPlace {
  std::string attribute;  ///< of a composite type; else empty
  bool array = false;

  /// What lies there, of the column's value `value`, as SQL.
  std::string in(const std::string& value) const;
  /// The column, and the attribute, for people.
  std::string shown(const EnumColumnWork& column) const;
};
std::vector<LabelPlace> label_places(const EnumColumnWork& column);

/// The type of a column's shadow, as SQL.
std::string shadow_column_type(const EnumWork& work, const EnumColumnWork& column);

/// The new value depends on the old one alone, label by label, and needs no subquery.
bool remaps_plainly(const EnumWork& work, const EnumColumnWork& column);

/// The new value of an enum column of the row `row`, as an expression of the shadow's type.
std::string remap_expression(const EnumWork& work, const EnumColumnWork& column,
                             std::string_view row);

/// The shadow of the row `row` has another value than it should, as a condition.
std::string shadow_differs(const EnumWork& work, const EnumColumnWork& column,
                           std::string_view row);

/// What the backfill sets.
Assignment shadow_assignment(const EnumWork& work, const EnumColumnWork& column);

/// Where conditions decide, and so more than the row's own trigger sees may count: compares the
/// shadows with them once more.
void add_enum_reconcile(PlanContext& context, const EnumWork& work);

}  // namespace pgbackfill::planner
