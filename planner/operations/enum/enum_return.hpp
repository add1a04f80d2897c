#pragma once

#include "planner/operations/enum/carried_objects.hpp"
#include "planner/operations/enum/enum_plan.hpp"
#include "planner/operations/enum/way_back.hpp"

#include <string>
#include <vector>

namespace pgbackfill::planner {

/// Why a swap of the type cannot be taken back; empty: it can. REQUIRES: no transaction is open.
std::string no_way_back(PlanContext& context, const EnumWork& work);

/// How the swap of a type is taken back: by a swap in the other direction, for which everything is
/// made ready as for the first one. The old columns get their values through the way back (those
/// that still stand and agree are left alone), kept in step with live writers by a trigger.
void return_from_swap(PlanContext& context, const EnumWork& work, Step& swap);

/// The statements of a swap, in either direction. REQUIRES: no transaction is open.
std::vector<std::string> swap_statements(PlanContext& context, const EnumWork& work,
                                         const Carried& carried);

/// Question for Step::losses: what was made after the plan over something that a swap sets up anew.
std::string made_over_carried(const EnumWork& work, const Carried& carried);

/// Questions for Step::losses: keys of unique indexes over bare columns that would come back as
/// equal ones. Not while the old values stand, which tell them apart.
std::vector<std::string> duplicates_on_the_way(sql::Connection& connection, const WayBack& back);
/// Lists alone come back.
std::vector<std::string> nested_arrays(const EnumColumnWork& column);

/// What is lost with the old values of a column: labels that come back as another one than they
/// came from, and those of which nothing tells what they become.
std::vector<std::string> label_losses(const WayBack& back, const EnumColumnWork& column,
                                      const std::string& type);
/// The same of the rows that do not agree with the old values, as long as those stand.
std::vector<std::string> losses_beside_old(const WayBack& back, const EnumColumnWork& column,
                                           const std::string& type);

}  // namespace pgbackfill::planner
