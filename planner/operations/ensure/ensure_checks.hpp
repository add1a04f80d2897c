#pragma once

namespace pgbackfill::planner {

struct PlanContext;
struct PreflightContext;
struct VerifyContext;

// The parts of the operation ensure.
/// Queries that do not fit the table, keys without a value, unique values held by other rows.
void check_ensures(PreflightContext& context);
void plan_ensure(PlanContext& context);
/// Every row asked for is there, by its key.
void verify_ensured_rows(VerifyContext& context);

}  // namespace pgbackfill::planner
