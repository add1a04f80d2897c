#pragma once

#include "planner/operations/enum/enum_work.hpp"
#include "planner/preflight/preflight_context.hpp"

namespace pgbackfill::planner {

/// What only the rows tell, with the new labels tried on them: conditions that the server does not
/// understand, unique indexes that would find duplicates, arrays of a shape that is not kept.
void check_enum_rows(PreflightContext& context, const EnumWork& work);

}  // namespace pgbackfill::planner
