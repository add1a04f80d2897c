#pragma once

#include "planner/verify/verify_context.hpp"

namespace pgbackfill::engine {

/// Nothing of ours may be left in the application's schemas.
void check_leftovers(planner::VerifyContext& context);

}  // namespace pgbackfill::engine
