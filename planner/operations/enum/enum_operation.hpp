#pragma once

#include "planner/operations/operation.hpp"

namespace pgbackfill::planner {

const Operation& enum_operation();

}  // namespace pgbackfill::planner
