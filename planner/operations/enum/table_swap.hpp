#pragma once

#include "planner/operations/enum/enum_sql.hpp"
#include "planner/plan/step_builder.hpp"

#include <string>
#include <vector>

namespace pgbackfill::planner {

/// What a swap of the type does to one table, in either direction: the shadows and what was built
/// over them take the places of the columns and of what stood over these. REQUIRES: no transaction
/// is open.
std::vector<std::string> swap_table(PlanContext& context, const EnumWork& work,
                                    const EnumTable& columns);

}  // namespace pgbackfill::planner
