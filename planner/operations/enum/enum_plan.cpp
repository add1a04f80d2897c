#include "planner/operations/enum/enum_plan.hpp"

#include "planner/operations/enum/carried_objects.hpp"
#include "planner/operations/enum/enum_check.hpp"
#include "planner/operations/enum/enum_composite.hpp"
#include "planner/operations/enum/enum_domain.hpp"
#include "planner/operations/enum/enum_index.hpp"
#include "planner/operations/enum/enum_key.hpp"
#include "planner/operations/enum/enum_return.hpp"
#include "planner/operations/enum/enum_sql.hpp"
#include "planner/operations/enum/enum_value.hpp"
#include "planner/operations/enum/way_back.hpp"
#include "planner/plan/not_null.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;
using sql::quote_literal;

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
                                             shadow_column_type(work, column)))};
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

void drop_old(PlanContext& context, const EnumWork& work, const std::string& no_return) {
  const WayBack back(work);
  const auto add = [&](Step step) {
    if (!no_return.empty()) {
      step.losses.clear();
      step.inverse.clear();
      step.irreversible = "the cutover before it cannot be";
    }
    context.plan.steps.push_back(std::move(step));
  };
  for (const EnumTable& columns : enum_tables(work)) {
    const sql::QualifiedName& table = columns.table->name;
    for (const EnumColumnWork* column : columns.columns) {
      const std::string name = quote_identifier(column->old_name);
      Step step = make_step(Stage::kFinish, columns.label, "drop-column", column->old_name);
      step.title =
          fmt::format("drop {}, the old values of {}", column->old_name, column->column->name);
      step.sql = {alter_table(table, "DROP COLUMN IF EXISTS " + name)};
      step.probe = probe::no(probe::column_exists(table, column->old_name));
      step.losses = label_losses(back, *column, type_label(context, work));
      step.inverse = {alter_table(
          table, fmt::format("ADD COLUMN {} {}", name, shadow_column_type(back.work(), *column)))};
      add(std::move(step));
    }
  }
  for (Step& step : drop_old_composites(context, back)) add(std::move(step));
  for (Step& step : drop_old_domains(context, back)) add(std::move(step));
  Step step = make_step(Stage::kFinish, type_label(context, work), "drop-type");
  step.table.clear();
  step.title = fmt::format("drop the old type {}", work.old_type.name);
  step.sql = {fmt::format("DROP TYPE IF EXISTS {}", work.old_type.quoted())};
  step.probe = probe::no(probe::type_exists(work.old_type));
  step.losses = duplicates_on_the_way(context.connection, back);
  step.inverse = create_enum(context.connection, work, work.old_type, work.type->labels);
  add(std::move(step));
}

}  // namespace

std::string type_label(const PlanContext& context, const EnumWork& work) {
  return work.type->name.display(context.spec.schema);
}

void plan_enum_expand(PlanContext& context) {
  note_what_is_built_anew(context.connection, context.scope);
  for (const EnumWork& work : context.scope.of<EnumWork>()) {
    if (work.path != EnumPath::kShadow) continue;
    create_type(context, work);
    add_domain_steps(context, work);
    add_composite_steps(context, work);
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
    for (const EnumTable& columns : enum_tables(work)) {
      add_check_steps(context, work, *columns.table, columns.label);
    }
    for (const EnumColumnWork& column : work.columns) {
      if (!column.column->not_null) continue;
      add_not_null_steps_like(
          context, {column.table, column.label, column.shadow, false, "", {}, {}}, *column.column);
    }
  }
}

void plan_enum_indexes(PlanContext& context) {
  for (const EnumWork& work : context.scope.of<EnumWork>()) {
    if (work.path != EnumPath::kShadow) continue;
    for (const EnumTable& columns : enum_tables(work)) {
      for (const EnumIndex& index : enum_indexes(context.connection, work, *columns.table)) {
        add_shadow_index(context, columns, index);
      }
    }
  }
}

void plan_enum_finish(PlanContext& context) {
  for (const EnumWork& work : context.scope.of<EnumWork>()) {
    if (work.path == EnumPath::kRename) {
      plan_enum_rename(context, work);
    } else if (work.path == EnumPath::kShadow) {
      add_enum_reconcile(context, work);
      add_key_steps(context, work);
      const std::string no_return = add_swap(context, work);
      drop_old(context, work, no_return);
    }
    context.plan.enums.push_back({work.type->name, work.spec->values, work.spec->strict_order});
  }
}

}  // namespace pgbackfill::planner
