#include "planner/backfill/dependencies.hpp"
#include "planner/operations/tenant/fill_counter.hpp"
#include "planner/operations/tenant/live_values.hpp"
#include "planner/operations/tenant/tenant_plan.hpp"

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
  step.inverse = {alter_table(
      table, fmt::format("DROP CONSTRAINT IF EXISTS {}", quote_identifier(request.name)))};
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
void partitioned_key(PlanContext& context, const TableWork& work,
                     const ForeignKeyRequest& request) {
  for (const sql::QualifiedName& leaf : work.table->leaves) {
    const std::string shown = leaf.display(context.spec.schema);
    for (Step step : {add_key(request, leaf, "leaf:" + shown, true),
                      validate_key(request, leaf, "leaf:" + shown)}) {
      step.title += " on partition " + shown;
      context.plan.steps.push_back(std::move(step));
    }
  }
  context.plan.steps.push_back(add_key(request, work.table->name, request.column, false));
}

ForeignKeyRequest key_request(const PlanContext& context, const TableWork& work) {
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

std::string drop_trigger_id(const PlanContext& context, const std::string& label) {
  return fmt::format("enforce:{}:drop-fill-trigger:{}", label, context.spec.tenant->column);
}

void drop_fill_trigger(PlanContext& context, const TableWork& work) {
  // The trigger's own step holds its definition; taking this step back sets it up again.
  for (const Step& expand : context.plan.steps) {
    if (expand.id !=
        fmt::format("expand:{}:fill-trigger:{}", work.label, context.spec.tenant->column)) {
      continue;
    }
    Step step =
        make_step(Stage::kEnforce, work.label, "drop-fill-trigger", context.spec.tenant->column);
    step.title = fmt::format("drop the trigger that filled {}", context.spec.tenant->column);
    step.sql = expand.inverse;
    step.inverse = expand.sql;
    step.probe = probe::no(expand.probe);
    context.plan.steps.push_back(std::move(step));
    return;
  }
}

void enforce_table(PlanContext& context, const TableWork& work,
                   const std::vector<std::string>& sources) {
  const std::string& column = context.spec.tenant->column;
  const bool had_default = work.column != nullptr && work.column->default_expression;
  const bool constant = work.source != nullptr && work.source->kind == SourceKind::kConstant;
  NotNullRequest request;
  request.table = work.table;
  request.label = work.label;
  request.column = column;
  request.drop_default = had_default || constant;
  // What the step takes back is the state that expand left behind.
  if (constant) {
    const FillCounter counter(work.table->name, work.label, column);
    request.default_to_restore = counter.counted(constant_expression(
        work.source->constant, work.column == nullptr ? context.tenant_type : work.column->type));
    request.after_drop = counter.drop();
    request.before_restore = counter.create();
    append(request.before_restore, counter.create_function());
  } else if (had_default) {
    request.drop_default = false;
  }
  if (work.needs_value) {
    add_reconcile_steps(context, work, sources);
    if (!constant && context.spec.run.online) add_fill_on_update(context, work);
    add_not_null_steps(context, request);
    drop_fill_trigger(context, work);
  } else if (had_default) {
    Step step = make_step(Stage::kEnforce, work.label, "drop-default", column);
    const std::string quoted = quote_identifier(column);
    step.title = fmt::format("drop the default of {}", column);
    step.sql = {alter_table(work.table->name, fmt::format("ALTER COLUMN {} DROP DEFAULT", quoted))};
    step.inverse = {alter_table(
        work.table->name,
        fmt::format("ALTER COLUMN {} SET DEFAULT {}", quoted, *work.column->default_expression))};
    step.probe = probe::no(probe::column_has_default(work.table->name, column));
    context.plan.steps.push_back(std::move(step));
  }
}

/// The last step of enforce for each table that others take their values from: until then its own
/// values may move.
std::vector<std::string> settled_by(const PlanContext& context, const Dependencies& dependencies,
                                    std::size_t table) {
  std::vector<std::string> ids;
  for (const std::size_t other : dependencies.of(table)) {
    const std::string& label = context.scope.tables[other].label;
    for (const Step& step : context.plan.steps) {
      if (step.id == drop_trigger_id(context, label)) ids.push_back(step.id);
    }
  }
  return ids;
}

}  // namespace

void plan_tenant_enforce(PlanContext& context) {
  const Dependencies dependencies(context.spec, context.scope);
  for (const std::size_t table : dependencies.order()) {
    enforce_table(context, context.scope.tables[table], settled_by(context, dependencies, table));
  }
}

void plan_tenant_foreign_keys(PlanContext& context) {
  for (const TableWork& work : context.scope.tables) {
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
