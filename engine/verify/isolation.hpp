#pragma once

#include "engine/verify/verifier.hpp"

namespace pgbackfill::engine {

/// Tries out, in one transaction that is rolled back, whether organizations stay apart: makes a
/// second one (a copy of a row of the organizations) and, per table of the file, a copy of one row
/// under it. Appends to the report, per table: "isolation-filter" (of the second organization's
/// rows a filter by the first sees none) and "isolation-insert" (a row without its organization is
/// refused). What the database does not let us try is skipped, with its reason. The application's
/// triggers fire. Where row security is enabled, a note says so.
void verify_isolation(const planner::JobSpec& spec, sql::Connection& connection,
                      VerifyReport& report);

}  // namespace pgbackfill::engine
