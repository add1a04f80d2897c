#pragma once

#include "planner/operations/operation.hpp"

namespace pgbackfill::planner {

const Operation& convert_operation();

}  // namespace pgbackfill::planner
