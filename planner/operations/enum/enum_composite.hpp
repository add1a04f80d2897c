#pragma once

#include "planner/operations/enum/enum_work.hpp"
#include "planner/operations/enum/way_back.hpp"
#include "planner/plan/step_builder.hpp"
#include "sql/connection.hpp"

#include <string>
#include <vector>

namespace pgbackfill::planner {

// Composite types with labels of a replaced type in them, of which tables have columns. Others are
// CarriedObjects.

/// The new one beside the old one, with all that hangs on it; the first statement creates it.
/// REQUIRES: no transaction is open.
std::vector<std::string> create_composite(sql::Connection& connection, const EnumWork& work,
                                          const EnumCompositeWork& composite);

/// Beside each a new one, before there are columns of it.
void add_composite_steps(PlanContext& context, const EnumWork& work);

/// Of the swap: the types change names.
std::vector<std::string> swap_composites(const EnumWork& work);

/// Steps that drop what the swap has put aside; their inverses make it again.
std::vector<Step> drop_old_composites(PlanContext& context, const WayBack& back);

}  // namespace pgbackfill::planner
