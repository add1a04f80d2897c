#pragma once

#include "planner/operations/operation.hpp"

#include <string_view>

namespace pgbackfill::planner {

/// The step that sets alembic_version.
inline constexpr std::string_view kAlembicStamp = "finish:alembic:stamp";

const Operation& alembic_operation();

}  // namespace pgbackfill::planner
