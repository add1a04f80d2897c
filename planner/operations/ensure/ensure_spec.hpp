#pragma once

#include "planner/job_spec.hpp"

#include <string>
#include <utility>
#include <vector>

namespace pgbackfill::planner {

/// One [[ensure]].
struct EnsureSpec {
  std::string table;
  std::vector<std::string> key;
  std::vector<std::pair<std::string, std::string>> row;  ///< column, value as text, in file order
  Position position;
};

}  // namespace pgbackfill::planner
