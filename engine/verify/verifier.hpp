#pragma once

#include "planner/job_spec.hpp"
#include "planner/verify/verify_report.hpp"
#include "sql/connection.hpp"

namespace pgbackfill::engine {

using planner::VerifyCheck;
using planner::VerifyReport;

/// Compares the database with what the migration file asks for: per table no NULL, no default,
/// NOT NULL, a valid foreign key to the organizations without cascade, every index asked for
/// present, valid and over the right columns, the tenant column equal to the parent's along every
/// foreign key between core tables, rows per organization; per enum the labels (in order when
/// strict) and no shadow or old column left; no leftover trigger, function or check of ours.
/// Needs no ledger. Reads only, in one REPEATABLE READ transaction.
VerifyReport verify(const planner::JobSpec& spec, sql::Connection& connection);

}  // namespace pgbackfill::engine
