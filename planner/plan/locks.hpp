#pragma once

#include "planner/plan/plan.hpp"

#include <map>
#include <string>
#include <string_view>

namespace pgbackfill::planner {

/// How much a step keeps the application waiting, from nothing to the most.
enum class LockClass {
  kRows,    ///< the rows of a batch
  kScan,    ///< a read of the table or an index build, beside reads and writes
  kMoment,  ///< ACCESS EXCLUSIVE or nearly so for a change of the catalog
  kWrites,  ///< writes wait while the table is read
  kAll,     ///< reads and writes wait while the table is read
};
/// One word: "rows", "scan", "moment", "writes", "all".
std::string_view to_string(LockClass lock);
/// What it means for the application.
std::string_view describe(LockClass lock);

/// The strongest that each table meets, by the label that its steps have.
std::map<std::string, LockClass> strongest_locks(const Plan& plan);

}  // namespace pgbackfill::planner
