#pragma once

#include "planner/job_spec.hpp"

#include <string>
#include <utility>
#include <vector>

namespace pgbackfill::planner {

/// What to do when a row to be inserted holds a unique value that a row under another key has.
enum class EnsureConflict {
  kRefuse,  ///< the job does not start
  kRename,  ///< a text in that unique value gets " (2)", " (3)", …
};

/// One [[ensure]]: rows that must exist, given one by one or by a query.
struct EnsureSpec {
  std::string table;
  std::vector<std::string> key;
  std::vector<std::pair<std::string, std::string>> row;  ///< column, value as text, in file order
  std::string select;                                    ///< a query instead of `row`
  EnsureConflict on_conflict = EnsureConflict::kRefuse;
  Position position;
};

}  // namespace pgbackfill::planner
