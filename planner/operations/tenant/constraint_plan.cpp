#include "planner/operations/tenant/tenant_plan.hpp"
#include "planner/plan/partition_steps.hpp"

#include <fmt/format.h>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;

struct ForeignKeyRequest {
  std::string label;
  std::string name;
  std::string clause;  ///< FOREIGN KEY … REFERENCES … [ON DELETE …]
  std::string column;
  sql::QualifiedName referenced;
  std::string referenced_column;
  char on_delete = 'a';

  std::string probe(const sql::QualifiedName& table, bool validated) const {
    return probe::foreign_key_exists(table, column, referenced, referenced_column, on_delete,
                                     validated);
  }
};

Step add_key(const ForeignKeyRequest& request, const sql::QualifiedName& table,
             const std::string& detail, bool not_valid) {
  Step step = make_step(Stage::kForeignKey, request.label, "add", detail);
  step.title = fmt::format("add foreign key {} to {}", request.name, request.referenced.display());
  step.sql = {
      alter_table(table, fmt::format("ADD CONSTRAINT {} {}{}", quote_identifier(request.name),
                                     request.clause, not_valid ? " NOT VALID" : ""))};
  // A partition may be dropped before the job is taken back.
  step.inverse = {fmt::format("ALTER TABLE IF EXISTS {} DROP CONSTRAINT IF EXISTS {}",
                              table.quoted(), quote_identifier(request.name))};
  step.probe = request.probe(table, false);
  return step;
}

Step validate_key(const ForeignKeyRequest& request, const sql::QualifiedName& table,
                  const std::string& detail) {
  Step step = make_step(Stage::kForeignKey, request.label, "validate", detail);
  step.title = fmt::format("validate foreign key {}", request.name);
  step.sql = {
      alter_table(table, fmt::format("VALIDATE CONSTRAINT {}", quote_identifier(request.name)))};
  step.probe = request.probe(table, true);
  return step;
}

/// Servers before 18 cannot add a NOT VALID key to a partitioned table; valid keys of all leaves
/// spare the scan on every version.
void partitioned_key(PlanContext& context, const ValueWork& work,
                     const ForeignKeyRequest& request) {
  for (const sql::QualifiedName& leaf : work.table->leaves) {
    const std::string shown = leaf.display(context.spec.schema);
    for (Step step : {add_key(request, leaf, "leaf:" + shown, true),
                      validate_key(request, leaf, "leaf:" + shown)}) {
      step.title += " on partition " + shown;
      on_partition(step, leaf);
      context.plan.steps.push_back(std::move(step));
    }
  }
  context.plan.steps.push_back(add_key(request, work.table->name, request.column, false));
}

ForeignKeyRequest key_request(const PlanContext& context, const ValueWork& work) {
  const TenantSpec& tenant = *context.spec.tenant;
  ForeignKeyRequest request;
  request.label = work.label;
  request.name =
      expand_name(tenant.foreign_key, tenant, work.table->name, context.scope.references);
  request.column = tenant.column;
  request.referenced = context.scope.references;
  request.referenced_column = tenant.references_column;
  request.clause =
      fmt::format("FOREIGN KEY ({}) REFERENCES {} ({})", quote_identifier(tenant.column),
                  request.referenced.quoted(), quote_identifier(tenant.references_column));
  if (tenant.on_delete == "restrict") {
    request.on_delete = 'r';
    request.clause += " ON DELETE RESTRICT";
  }
  return request;
}

}  // namespace

void plan_tenant_foreign_keys(PlanContext& context) {
  for (const ValueWork& work : context.scope.tables) {
    ForeignKeyRequest request = key_request(context, work);
    const sql::QualifiedName& table = work.table->name;
    const sql::ForeignKey* equal =
        equal_foreign_key(work, *context.spec.tenant, context.scope.references);
    if (equal != nullptr) {
      request.name = equal->name;
      if (!equal->validated) {
        context.plan.steps.push_back(validate_key(request, table, request.column));
      }
      continue;
    }
    if (!context.spec.run.online) {
      context.plan.steps.push_back(add_key(request, table, request.column, false));
    } else if (work.table->kind == 'p') {
      partitioned_key(context, work, request);
    } else {
      context.plan.steps.push_back(add_key(request, table, request.column, true));
      context.plan.steps.push_back(validate_key(request, table, request.column));
    }
  }
}

}  // namespace pgbackfill::planner
