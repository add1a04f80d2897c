#pragma once

#include "planner/job_spec.hpp"
#include "planner/plan/plan.hpp"
#include "sql/catalog.hpp"

#include <string>
#include <vector>

namespace pgbackfill::planner {

/// A plan as statements for one transaction on a small database that nobody else writes to: no
/// ledger, no triggers, nothing concurrent.
struct EndState {
  std::vector<std::string> upgrade;
  std::vector<std::string> downgrade;
  std::vector<std::string> irreversible;  ///< why there is no way back; empty: there is one
  /// SELECTs of one boolean; all true: the job's end is there already.
  std::vector<std::string> done;
};

/// `plan` may be of either form (online or not), new or as the ledger keeps it; the entries of
/// its lookups are those of `spec`.
EndState end_state(const Plan& plan, const JobSpec& spec, const sql::Catalog& catalog);

}  // namespace pgbackfill::planner
