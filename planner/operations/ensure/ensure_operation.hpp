#pragma once

#include "planner/operations/operation.hpp"

namespace pgbackfill::planner {

const Operation& ensure_operation();

}  // namespace pgbackfill::planner
