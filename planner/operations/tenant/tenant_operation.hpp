#pragma once

#include "planner/operations/operation.hpp"

namespace pgbackfill::planner {

const Operation& tenant_operation();

}  // namespace pgbackfill::planner
