#pragma once

#include "planner/operations/convert/convert_work.hpp"
#include "planner/preflight/preflight_context.hpp"
#include "planner/verify/verify_context.hpp"

namespace pgbackfill::planner {

/// Types, keys, dependents and names of the columns, then their values.
void check_convert(PreflightContext& context);
/// Values that do not convert, and those that would be the same after it.
void check_convert_data(PreflightContext& context);
void verify_convert(VerifyContext& context);

}  // namespace pgbackfill::planner
