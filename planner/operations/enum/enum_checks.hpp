#pragma once

#include "planner/preflight/catalog_check.hpp"
#include "planner/preflight/preflight_context.hpp"
#include "planner/verify/verify_context.hpp"

namespace pgbackfill::planner {

/// Labels, columns, dependents and free names of the enum types.
void check_enums(PreflightContext& context);
/// The labels of each [[enum]].
void verify_enums(VerifyContext& context);

}  // namespace pgbackfill::planner
