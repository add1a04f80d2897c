#pragma once

namespace pgbackfill::planner {

struct PlanContext;
struct PreflightContext;
struct VerifyContext;

// The parts of the operation unique.
/// Keys that cannot be rebuilt, and values that are there twice.
void check_uniques(PreflightContext& context);
/// The new key, built beside the old one.
void plan_unique_indexes(PlanContext& context);
/// The old key goes last.
void plan_unique_finish(PlanContext& context);
void verify_uniques(VerifyContext& context);

}  // namespace pgbackfill::planner
