#include "planner/operations/tenant/tenant_plan.hpp"

#include <fmt/format.h>

#include <iterator>
#include <utility>

namespace pgbackfill::planner {
namespace {

void drop_lookups(PlanContext& context) {
  std::vector<Step> drops;
  for (const Step& load : context.plan.steps) {
    if (load.kind != StepKind::kLookup) continue;
    Step step = make_step(Stage::kFinish, load.lookup, "drop-lookup");
    step.table.clear();
    step.title = fmt::format("drop the table of lookup {}", load.lookup);
    step.sql = load.inverse;
    step.probe = probe::no(probe::relation_exists(ledger_name("lookup", load.lookup)));
    step.undo = {load};
    drops.push_back(std::move(step));
  }
  std::move(drops.begin(), drops.end(), std::back_inserter(context.plan.steps));
}

void describe_target(PlanContext& context, const ValueWork& work) {
  const TenantSpec& tenant = *context.spec.tenant;
  const sql::QualifiedName& references = context.scope.references;
  const sql::ForeignKey* existing = equal_foreign_key(work, tenant, references);
  context.plan.tables.push_back(
      {work.table->name, tenant.column, work.type, references, tenant.references_column,
       existing != nullptr ? existing->name
                           : expand_name(tenant.foreign_key, tenant, work.table->name, references),
       wanted_indexes(tenant, work, references)});
}

}  // namespace

void plan_tenant_indexes(PlanContext& context) {
  for (const ValueWork& work : context.scope.tables) {
    for (const IndexSpec& index :
         wanted_indexes(*context.spec.tenant, work, context.scope.references)) {
      const sql::Index* existing = work.table->index(index.name);
      if (existing != nullptr && existing->valid) continue;
      add_index_steps(context, {work.table, work.label, index.name, false,
                                fmt::format("({})", quoted_list(index.columns))});
    }
  }
}

void plan_tenant_finish(PlanContext& context) {
  drop_lookups(context);
  for (const ValueWork& work : context.scope.tables) describe_target(context, work);
}

}  // namespace pgbackfill::planner
