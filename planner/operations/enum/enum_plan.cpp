#include "planner/operations/enum/enum_plan.hpp"

#include "planner/operations/enum/enum_index.hpp"
#include "planner/operations/enum/enum_return.hpp"
#include "planner/operations/enum/enum_sql.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;
using sql::quote_literal;

std::string type_label(const PlanContext& context, const EnumWork& work) {
  return work.type->name.display(context.spec.schema);
}

void create_type(PlanContext& context, const EnumWork& work) {
  const std::string name = work.shadow_type.quoted();
  Step step = make_step(Stage::kExpand, type_label(context, work), "create-type");
  step.table.clear();
  step.title = fmt::format("create the new labels of {} as {}", type_label(context, work),
                           work.shadow_type.name);
  step.sql = create_enum(context.connection, work, work.shadow_type, work.spec->values);
  step.probe = probe::type_exists(work.shadow_type);
  step.inverse = {fmt::format("DROP TYPE IF EXISTS {}", name)};
  context.plan.steps.push_back(std::move(step));
}

void add_shadow(PlanContext& context, const EnumWork& work, const EnumColumnWork& column) {
  const sql::QualifiedName& table = column.table->name;
  Step step = make_step(Stage::kExpand, column.label, "add-column", column.shadow);
  step.title =
      fmt::format("add column {} for the new labels of {}", column.shadow, column.column->name);
  step.sql = {alter_table(table, fmt::format("ADD COLUMN {} {}", quote_identifier(column.shadow),
                                             work.shadow_type.quoted()))};
  step.probe = probe::column_exists(table, column.shadow);
  step.inverse = {
      alter_table(table, fmt::format("DROP COLUMN IF EXISTS {}", quote_identifier(column.shadow)))};
  context.plan.steps.push_back(std::move(step));
}

void add_sync_trigger(PlanContext& context, const EnumWork& work, const EnumTable& columns) {
  Step step = make_step(Stage::kExpand, columns.label, "sync-trigger", work.type->name.name);
  step.title =
      fmt::format("create a trigger that keeps the new {} columns in step", work.type->name.name);
  step.sql = create_sync(context, work, columns);
  step.probe = probe::trigger_exists(columns.table->name, sync_trigger(work));
  step.inverse = drop_sync(work, *columns.table);
  context.plan.steps.push_back(std::move(step));
}

/// What the swap does to one table.
void swap_table(PlanContext& context, const EnumWork& work, const EnumTable& columns,
                std::vector<std::string>& statements) {
  const sql::QualifiedName& table = columns.table->name;
  for (std::string& statement : drop_sync(work, *columns.table)) {
    statements.push_back(std::move(statement));
  }
  for (const EnumColumnWork* column : columns.columns) {
    const std::string& name = column->column->name;
    statements.push_back(rename_column(table, name, column->old_name));
    statements.push_back(rename_column(table, column->shadow, name));
    std::vector<std::string> actions{alter_column(column->old_name, "DROP NOT NULL"),
                                     alter_column(column->old_name, "DROP DEFAULT")};
    if (column->column->not_null) actions.push_back(alter_column(name, "SET NOT NULL"));
    if (column->default_label) {
      for (const auto& [from, to] : work.remap) {
        if (from != *column->default_label) continue;
        actions.push_back(alter_column(
            name, "SET DEFAULT " + constant_expression(to, work.shadow_type.quoted())));
      }
    }
    statements.push_back(alter_table(table, join(actions, ", ")));
    for (std::string& statement : sql::column_decoration(context.connection, table, name, name)) {
      statements.push_back(std::move(statement));
    }
  }
  for (const EnumIndex& index : enum_indexes(context.connection, work, *columns.table)) {
    statements.push_back(rename_index(table.schema, index.name, index.old_name));
    statements.push_back(rename_index(table.schema, index.shadow_name, index.name));
    // An index keeps the names its columns had when it was built.
    for (const EnumColumnWork* column : columns.columns) {
      if (!mentions_word(index.definition, column->shadow)) continue;
      statements.push_back(
          rename_column({table.schema, index.name}, column->shadow, column->column->name));
    }
    if (index.clustered) {
      statements.push_back(
          alter_table(table, fmt::format("CLUSTER ON {}", quote_identifier(index.name))));
    }
  }
}

void swap(PlanContext& context, const EnumWork& work) {
  Step step = make_step(Stage::kFinish, type_label(context, work), "swap");
  step.table.clear();
  step.title = fmt::format("cutover: swap in the new labels of {}", type_label(context, work));
  for (const EnumTable& columns : enum_tables(work)) {
    swap_table(context, work, columns, step.sql);
  }
  step.sql.push_back(rename_type(work.type->name, work.old_type.name));
  step.sql.push_back(rename_type(work.shadow_type, work.type->name.name));
  // The types change names in the same transaction as the columns.
  step.probe = probe::no(probe::type_exists(work.shadow_type));
  return_from_swap(context, work, step);
  context.plan.steps.push_back(std::move(step));
}

void drop_old(PlanContext& context, const EnumWork& work) {
  for (const EnumTable& columns : enum_tables(work)) {
    const sql::QualifiedName& table = columns.table->name;
    for (const EnumColumnWork* column : columns.columns) {
      Step step = make_step(Stage::kFinish, columns.label, "drop-column", column->old_name);
      step.title =
          fmt::format("drop {}, the old values of {}", column->old_name, column->column->name);
      step.sql = {alter_table(
          table, fmt::format("DROP COLUMN IF EXISTS {}", quote_identifier(column->old_name)))};
      step.probe = probe::no(probe::column_exists(table, column->old_name));
      step.inverse = {
          alter_table(table, fmt::format("ADD COLUMN {} {}", quote_identifier(column->old_name),
                                         work.old_type.quoted()))};
      step.losses = label_losses(work, *column, type_label(context, work));
      context.plan.steps.push_back(std::move(step));
    }
  }
  Step step = make_step(Stage::kFinish, type_label(context, work), "drop-type");
  step.table.clear();
  step.title = fmt::format("drop the old type {}", work.old_type.name);
  step.sql = {fmt::format("DROP TYPE IF EXISTS {}", work.old_type.quoted())};
  step.probe = probe::no(probe::type_exists(work.old_type));
  step.inverse = create_enum(context.connection, work, work.old_type, work.type->labels);
  context.plan.steps.push_back(std::move(step));
}

}  // namespace

std::string remap_expression(const EnumWork& work, const EnumColumnWork& column,
                             std::string_view row) {
  std::string cases;
  for (const auto& [from, to] : work.remap) {
    cases += fmt::format(" WHEN {} THEN {}", quote_literal(from),
                         constant_expression(to, work.shadow_type.quoted()));
  }
  if (cases.empty()) return fmt::format("NULL::{}", work.shadow_type.quoted());
  return fmt::format("(CASE {}.{}::text{} END)", row, quote_identifier(column.column->name), cases);
}

void plan_enum_expand(PlanContext& context) {
  for (const EnumWork& work : context.scope.of<EnumWork>()) {
    if (work.path != EnumPath::kShadow) continue;
    create_type(context, work);
    for (const EnumTable& columns : enum_tables(work)) {
      for (const EnumColumnWork* column : columns.columns) {
        add_shadow(context, work, *column);
        context.new_columns.push_back({columns.table, columns.label, column->column->name});
      }
      add_sync_trigger(context, work, columns);
    }
  }
}

void plan_enum_enforce(PlanContext& context) {
  for (const EnumWork& work : context.scope.of<EnumWork>()) {
    if (work.path != EnumPath::kShadow) continue;
    for (const EnumColumnWork& column : work.columns) {
      if (!column.column->not_null) continue;
      add_not_null_steps(context, {column.table, column.label, column.shadow, false, "", {}, {}});
    }
  }
}

void plan_enum_indexes(PlanContext& context) {
  for (const EnumWork& work : context.scope.of<EnumWork>()) {
    if (work.path != EnumPath::kShadow) continue;
    for (const EnumTable& columns : enum_tables(work)) {
      for (const EnumIndex& index : enum_indexes(context.connection, work, *columns.table)) {
        add_index_steps(context, {columns.table, columns.label, index.shadow_name, index.unique,
                                  index.definition});
      }
    }
  }
}

void plan_enum_finish(PlanContext& context) {
  for (const EnumWork& work : context.scope.of<EnumWork>()) {
    if (work.path == EnumPath::kRename) {
      plan_enum_rename(context, work);
    } else if (work.path == EnumPath::kShadow) {
      swap(context, work);
      drop_old(context, work);
    }
    context.plan.enums.push_back({work.type->name, work.spec->values, work.spec->strict_order});
  }
}

}  // namespace pgbackfill::planner
