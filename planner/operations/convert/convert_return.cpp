#include "planner/operations/convert/convert_return.hpp"

#include "planner/plan/losses.hpp"
#include "planner/plan/not_null.hpp"

#include <fmt/format.h>

#include <utility>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;
using sql::quote_literal;

/// The old column's type and what belongs to it.
std::string old_definition(PlanContext& context, const ConvertColumn& column) {
  const sql::Result row = context.connection.execute(
      "SELECT CASE to_jsonb(a) ->> 'attcompression' WHEN 'p' THEN ' COMPRESSION pglz' WHEN 'l' "
      "THEN "
      "' COMPRESSION lz4' ELSE '' END || CASE WHEN a.attcollation <> t.typcollation THEN format(' "
      "COLLATE %I.%I', n.nspname, c.collname) ELSE '' END FROM pg_attribute AS a JOIN pg_type AS t "
      "ON t.oid = a.atttypid LEFT JOIN pg_collation AS c ON c.oid = a.attcollation LEFT JOIN "
      "pg_namespace AS n ON n.oid = c.collnamespace WHERE a.attrelid = $1::regclass AND a.attname "
      "= $2",
      {column.table->name.quoted(), column.column->name});
  return column.column->type + std::string(row.text(0, 0));
}

Step follow(PlanContext& context, const ConvertGroup& group, const ConvertTable& table) {
  Step step = make_step(Stage::kFinish, table.label, "return-trigger");
  step.table = table.label;
  step.title = "create a trigger that keeps the old values in step";
  step.sql = drop_convert_trigger(table);
  append(step.sql, create_back_trigger(context, group, table, OldForm::kKept));
  return step;
}

/// What fill_kept() leaves, all columns in one go.
Step fill(const ConvertTable& table) {
  std::vector<std::string> values;
  std::vector<std::string> missing;
  for (const ConvertColumn* column : table.columns) {
    const std::string old = quote_identifier(column->old_name);
    const std::string value = old_value(*column, "t");
    values.push_back(fmt::format("{0} = COALESCE(t.{0}, {1})", old, value));
    missing.push_back(fmt::format("(t.{} IS NULL AND {} IS NOT NULL)", old, value));
  }
  const std::string differs = join(missing, " OR ");
  const std::string name = table.table->name.quoted();
  Step step = make_step(Stage::kFinish, table.label, "return-values");
  step.table = table.label;
  step.title = "fill the old columns";
  step.kind = StepKind::kFill;
  step.sql = {
      fmt::format("SELECT t.ctid FROM {} AS t WHERE {} LIMIT {}", name, differs, kMaxFilledAtOnce),
      fmt::format("UPDATE {} AS t SET {} WHERE t.ctid = ANY ($1::tid[]) AND ({})", name,
                  join(values, ", "), differs)};
  return step;
}

/// NOT NULL and the indexes as they were while the old columns stood.
void make_ready(PlanContext& context, const ConvertTable& table, std::vector<Step>& steps) {
  for (const ConvertColumn* column : table.columns) {
    // Integers may have grown beyond the old column meanwhile, which the swap's inverse looks at.
    if (!column->column->not_null || column->type == "bigint") continue;
    divert(context, steps, [&] {
      add_not_null_steps_like(context,
                              {table.table, table.label, column->old_name, false, "", {}, {}},
                              *column->column);
    });
  }
  for (const ConvertIndex& index : convert_indexes(context.connection, table)) {
    divert(context, steps, [&] {
      add_index_steps(context, {table.table, table.label, index.kept_name, index.unique,
                                index.kept_definition, Stage::kFinish});
    });
  }
}

void settle(PlanContext& context, const ConvertTable& table, std::vector<std::string>& statements) {
  const sql::QualifiedName& name = table.table->name;
  for (const ConvertIndex& index : convert_indexes(context.connection, table)) {
    for (const ConvertColumn* column : table.columns) {
      if (!mentions_word(index.kept_definition, column->old_name)) continue;
      statements.push_back(
          alter_table({name.schema, index.kept_name},
                      fmt::format("RENAME COLUMN {} TO {}", quote_identifier(column->old_name),
                                  quote_identifier(column->column->name))));
    }
    if (!index.constraint) continue;
    statements.push_back(alter_table(name, fmt::format("ADD CONSTRAINT {0} UNIQUE USING INDEX {0}",
                                                       quote_identifier(index.kept_name))));
  }
}

/// Values of a column that grew beyond its old type.
std::string too_large(const ConvertColumn& column) {
  const std::string now = "t." + quote_identifier(column.column->name);
  return fmt::format(
      "SELECT {} || count(*) || CASE count(*) WHEN 1 THEN ' value does' ELSE ' values do' END || "
      "{}, true FROM {} AS t WHERE {} IS NOT NULL AND {} IS NULL HAVING count(*) > 0",
      quote_literal(column.shown() + ": "),
      quote_literal(
          fmt::format(" not fit {}; change or delete those rows first", column.column->type)),
      column.table->name.quoted(), now, old_value(column, "t"));
}

}  // namespace

std::vector<std::string> bring_back(PlanContext& context, const ConvertColumn& column) {
  const sql::QualifiedName& table = column.table->name;
  std::vector<std::string> statements{
      alter_table(table, fmt::format("ADD COLUMN {} {}", quote_identifier(column.old_name),
                                     old_definition(context, column)))};
  append(statements,
         sql::column_decoration(context.connection, table, column.column->name, column.old_name));
  return statements;
}

void return_old_values(PlanContext& context, const ConvertGroup& group, Step& let_go) {
  let_go.losses = spelling_losses(group);
  let_go.inverse = lock_calmly(names_of(group), "ACCESS EXCLUSIVE");
  for (const ConvertTable& table : group.tables) {
    let_go.undo.push_back(follow(context, group, table));
  }
  for (const ConvertTable& table : group.tables) {
    for (Step& step : fill_kept(group, table)) let_go.undo.push_back(std::move(step));
    let_go.undo.push_back(fill(table));
    make_ready(context, table, let_go.undo);
    settle(context, table, let_go.inverse);
  }
  // What is kept is forgotten next; by now every row has its old form.
  for (const ConvertTable& table : group.tables) {
    append(let_go.inverse, drop_convert_trigger(table));
    append(let_go.inverse, create_back_trigger(context, group, table));
  }
}

std::vector<std::string> in_the_way(PlanContext& context, const ConvertGroup& group) {
  std::vector<std::string> questions;
  for (const ConvertTable& table : group.tables) {
    for (const ConvertColumn* column : table.columns) {
      questions.push_back(column_dependents(table.table->name, table.label, column->column->name));
      if (column->type != "bigint") continue;
      questions.push_back(too_large(*column));
      append(questions, sequences_beyond(context.connection, *column));
    }
  }
  return questions;
}

}  // namespace pgbackfill::planner
