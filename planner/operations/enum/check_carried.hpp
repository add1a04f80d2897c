#pragma once

#include "planner/operations/enum/enum_work.hpp"
#include "planner/preflight/preflight_context.hpp"
#include "sql/catalog.hpp"

#include <set>
#include <string>

namespace pgbackfill::planner {

/// Names an object among the dependents of a type.
std::string carried_key(const sql::Dependent& dependent);

/// What a swap of `work`'s type carries over, by carried_key(). Refuses what would make it fail or
/// change what an object means.
std::set<std::string> check_carried(PreflightContext& context, const EnumWork& work);

}  // namespace pgbackfill::planner
