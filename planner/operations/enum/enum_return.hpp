#pragma once

#include "planner/operations/enum/carried_objects.hpp"
#include "planner/operations/enum/enum_plan.hpp"

#include <string>
#include <vector>

namespace pgbackfill::planner {

/// Why the swap of a type cannot be taken back; empty when it can.
std::string no_way_back(PlanContext& context, const EnumWork& work, const Carried& carried);

/// How the swap of a type is taken back: the old columns are filled through `unmap` (values that
/// still stand and agree are left alone) and kept in step with live writers by a trigger, indexes
/// and NOT NULL are made ready, then columns and types change names in one short transaction.
/// REQUIRES: there is a way back.
void return_from_swap(PlanContext& context, const EnumWork& work, Step& swap);

/// What is lost with the old values of a column: labels that come back as another one than they
/// came from, and those of which nothing tells what they become.
std::vector<std::string> label_losses(const EnumWork& work, const EnumColumnWork& column,
                                      const std::string& type);

}  // namespace pgbackfill::planner
