#include "planner/operations/tenant/tenant_plan.hpp"

#include <fmt/format.h>

#include <iterator>
#include <utility>

namespace pgbackfill::planner {
namespace {

/// Entries of a lookup up to which the plan can bring its table back.
constexpr std::size_t kMaxRestoredEntries = 10'000;

std::vector<std::string> restore_lookup(const Step& load, const LookupSpec& lookup) {
  std::vector<std::string> rows;
  for (const auto& [key, value] : lookup.entries) {
    rows.push_back(fmt::format("({}, {})", sql::quote_literal(key), sql::quote_literal(value)));
  }
  std::vector<std::string> statements{load.sql.front()};
  if (!rows.empty()) {
    statements.push_back(
        fmt::format("INSERT INTO {} (key, value) VALUES {}", load.lookup_table, join(rows, ", ")));
  }
  return statements;
}

void drop_lookups(PlanContext& context) {
  std::vector<Step> drops;
  for (const Step& load : context.plan.steps) {
    if (load.kind != StepKind::kLookup) continue;
    const LookupSpec& lookup = *context.spec.lookup(load.lookup);
    Step step = make_step(Stage::kFinish, load.lookup, "drop-lookup");
    step.table.clear();
    step.title = fmt::format("drop the table of lookup {}", load.lookup);
    step.sql = load.inverse;
    step.probe = probe::no(probe::relation_exists(ledger_name("lookup", load.lookup)));
    if (lookup.entries.size() <= kMaxRestoredEntries) {
      step.inverse = restore_lookup(load, lookup);
    } else {
      step.irreversible = fmt::format("the {} entries of {} are not kept in the plan",
                                      lookup.entries.size(), lookup.file);
    }
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
