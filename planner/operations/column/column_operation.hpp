#pragma once

#include "planner/operations/operation.hpp"

namespace pgbackfill::planner {

const Operation& column_operation();

}  // namespace pgbackfill::planner
