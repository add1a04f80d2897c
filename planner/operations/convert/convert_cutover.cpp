#include "planner/operations/convert/convert_plan.hpp"
#include "planner/operations/convert/convert_return.hpp"

#include <fmt/format.h>

#include <utility>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;

std::string validate(const ConvertKey& key, const std::string& name) {
  return alter_table(key.table, "VALIDATE CONSTRAINT " + quote_identifier(name));
}

void add_key_steps(PlanContext& context, const ConvertGroup& group, const ConvertKey& key) {
  const std::string label = key.table.display(context.spec.schema);
  const std::string quoted = quote_identifier(key.shadow_name());
  const bool at_once = !context.spec.run.online && key.validated;
  Step add = make_step(Stage::kEnforce, label, "convert-key", key.name);
  // Not in the lane of the table's other steps: it waits for those of other tables.
  add.table.clear();
  add.title = fmt::format("{}: add foreign key {} between the new columns", label, key.name);
  add.sql = lock_calmly({key.referenced, key.table}, "SHARE ROW EXCLUSIVE");
  add.sql.push_back(alter_table(
      key.table, fmt::format("ADD CONSTRAINT {} {}{}", quoted, foreign_key_clause(group, key, true),
                             at_once ? "" : " NOT VALID")));
  add.probe = probe::constraint_exists(key.table, key.shadow_name(), false);
  add.inverse = {alter_table(key.table, "DROP CONSTRAINT IF EXISTS " + quoted)};
  context.plan.steps.push_back(std::move(add));
  if (!key.validated) return;
  Step check = make_step(Stage::kEnforce, label, "validate-convert-key", key.name);
  check.table.clear();
  check.title = fmt::format("{}: validate foreign key {} between the new columns", label, key.name);
  check.sql = lock_calmly({key.table}, "SHARE UPDATE EXCLUSIVE");
  check.sql.push_back(validate(key, key.shadow_name()));
  check.probe = probe::constraint_exists(key.table, key.shadow_name(), true);
  // Taking the swap back leaves the old one unvalidated, so as not to read the table in its locks.
  check.inverse = {validate(key, key.name)};
  context.plan.steps.push_back(std::move(check));
}

/// The new columns take the old ones' place in the application's queries at once.
void add_analyze(PlanContext& context, const ConvertTable& table) {
  std::vector<std::string> shadows;
  for (const ConvertColumn* column : table.columns) shadows.push_back(column->shadow);
  Step step = make_step(Stage::kEnforce, table.label, "convert-analyze");
  step.table.clear();
  step.kind = StepKind::kAlone;
  step.title = fmt::format("{}: collect statistics of {}", table.label, join(shadows, ", "));
  step.sql = {fmt::format("ANALYZE {} ({})", table.table->name.quoted(), quoted_list(shadows))};
  context.plan.steps.push_back(std::move(step));
}

/// Several tables' triggers name each other's old columns, so all go before the first column.
void let_go(PlanContext& context, const ConvertGroup& group) {
  Step step = make_step(Stage::kFinish, group.label(), "convert-let-go");
  step.table.clear();
  step.title = fmt::format("stop keeping the old values of {}", columns_of(group));
  step.sql = lock_calmly(names_of(group), "ACCESS EXCLUSIVE");
  for (const ConvertTable& table : group.tables) {
    append(step.sql, drop_convert_trigger(table));
    for (const ConvertColumn* column : table.columns) {
      if (!column->column->not_null) continue;
      step.sql.push_back(alter_table(
          table.table->name,
          fmt::format("ALTER COLUMN {} DROP NOT NULL", quote_identifier(column->old_name))));
    }
  }
  return_old_values(context, group, step);
  context.plan.steps.push_back(std::move(step));
}

void drop_old(PlanContext& context, const ConvertColumn& column) {
  const sql::QualifiedName& table = column.table->name;
  Step step = make_step(Stage::kFinish, column.label, "drop-column", column.old_name);
  step.title = fmt::format("drop {}, the old values of {}", column.old_name, column.column->name);
  step.sql = {alter_table(
      table, fmt::format("DROP COLUMN IF EXISTS {}", quote_identifier(column.old_name)))};
  step.probe = probe::no(probe::column_exists(table, column.old_name));
  step.inverse = bring_back(context, column);
  context.plan.steps.push_back(std::move(step));
}

}  // namespace

std::string columns_of(const ConvertGroup& group) {
  std::vector<std::string> columns;
  for (const ConvertTable& table : group.tables) {
    for (const ConvertColumn* column : table.columns) columns.push_back(column->shown());
  }
  return join(columns, ", ");
}

std::vector<sql::QualifiedName> names_of(const ConvertGroup& group) {
  std::vector<sql::QualifiedName> names;
  for (const ConvertTable& table : group.tables) names.push_back(table.table->name);
  return names;
}

void plan_convert_swap(PlanContext& context) {
  std::vector<std::string> before;
  for (const Step& step : context.plan.steps) {
    if (step.stage == Stage::kEnforce) before.push_back(step.id);
  }
  const std::size_t first = context.plan.steps.size();
  const auto groups = convert_groups(context.connection, context.scope);
  for (const ConvertGroup& group : groups) {
    for (const ConvertTable& table : group.tables) add_analyze(context, table);
    for (const ConvertKey& key : group.keys) add_key_steps(context, group, key);
  }
  for (const ConvertGroup& group : groups) {
    context.plan.steps.push_back(swap_step(context, group));
  }
  for (std::size_t i = first; i < context.plan.steps.size(); ++i) {
    context.plan.steps[i].after = before;
  }
}

void plan_convert_finish(PlanContext& context) {
  const auto groups = convert_groups(context.connection, context.scope);
  for (const ConvertGroup& group : groups) {
    keep_spelling(context, group);
    let_go(context, group);
    for (const ConvertTable& table : group.tables) {
      for (const ConvertColumn* column : table.columns) drop_old(context, *column);
    }
  }
}

}  // namespace pgbackfill::planner
