#pragma once

#include "planner/operations/operation.hpp"

namespace pgbackfill::planner {

const Operation& unique_operation();

}  // namespace pgbackfill::planner
