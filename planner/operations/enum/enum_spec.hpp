#pragma once

#include "planner/job_spec.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace pgbackfill::planner {

/// One [[enum]].
struct EnumSpec {
  std::string type;
  std::vector<std::string> values;
  std::map<std::string, std::string> map;
  std::map<std::string, std::string> unmap;
  std::optional<std::string> on_unmapped;  ///< nullopt: fail
  bool strict_order = true;
  Position position;
};

}  // namespace pgbackfill::planner
