#pragma once

#include "planner/job_spec.hpp"

#include <string>
#include <vector>

namespace pgbackfill::planner {

/// One [[convert]].
struct ConvertSpec {
  std::vector<std::string> columns;  ///< as written: table.column
  std::string type;
  Position position;
};

}  // namespace pgbackfill::planner
