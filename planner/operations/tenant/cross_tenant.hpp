#pragma once

#include "planner/preflight/preflight_context.hpp"

namespace pgbackfill::planner {

/// Finds rows that will lie in another organization than a row they refer to: along each foreign
/// key between tables of the job, from the lookups' entries and the parents as they are now. A
/// warning for each key, or a refusal (RunOptions::cross_tenant). Reads each table once.
void check_cross_tenant(PreflightContext& context);

}  // namespace pgbackfill::planner
