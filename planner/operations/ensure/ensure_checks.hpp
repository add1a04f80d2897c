#pragma once

namespace pgbackfill::planner {

struct PlanContext;
struct VerifyContext;

// The parts of the operation ensure.
void plan_ensure(PlanContext& context);
void verify_ensured_rows(VerifyContext& context);

}  // namespace pgbackfill::planner
