#pragma once

#include "planner/plan/step_builder.hpp"

#include <string>

namespace pgbackfill::planner {

class BackfillDrafts;

// The stages of the tenant column, each appending its steps to context.plan.
void plan_tenant_expand(PlanContext& context);
void plan_tenant_enforce(PlanContext& context);
void plan_tenant_foreign_keys(PlanContext& context);
void plan_tenant_indexes(PlanContext& context);
void plan_tenant_finish(PlanContext& context);
void draft_tenant(const PlanContext& context, BackfillDrafts& drafts);

/// The fill trigger of expand, on updates too: from the NOT NULL check on, a row that was set aside
/// must get its value in the statement that mends it.
void add_fill_on_update(PlanContext& context, const TableWork& work);

/// The value of a source as a scalar expression over the row t, without `otherwise` except for the
/// constant of a parent.
std::string source_expression(const PlanContext& context, const TableWork& work);
/// The same with `otherwise` where it is a constant.
std::string filled_expression(const PlanContext& context, const TableWork& work);

}  // namespace pgbackfill::planner
