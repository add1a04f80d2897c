#pragma once

#include "planner/job_spec.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pgbackfill::planner {

/// One [[enum]].
struct EnumSpec {
  std::string type;
  std::vector<std::string> values;
  std::map<std::string, std::string> map;
  std::map<std::string, std::string> unmap;
  /// Old label -> new label and the condition over the row under which it is the one, in the
  /// file's order; where none holds, what the map says.
  std::map<std::string, std::vector<std::pair<std::string, std::string>>> when;
  std::optional<std::string> on_unmapped;  ///< nullopt: fail
  bool strict_order = true;
  Position position;
};

}  // namespace pgbackfill::planner
