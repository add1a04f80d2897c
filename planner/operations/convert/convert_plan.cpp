#include "planner/operations/convert/convert_plan.hpp"

#include "planner/operations/convert/convert_return.hpp"
#include "planner/plan/not_null.hpp"

#include <fmt/format.h>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;
using sql::quote_literal;

constexpr std::string_view kTrigger = "zzz_pgbackfill_convert";

std::string function_name(const ConvertTable& table) {
  return ledger_function("convert", table.table->name).quoted();
}

std::vector<std::string> create_trigger(const PlanContext& context, const ConvertTable& table,
                                        const std::string& body, const std::string& when) {
  const std::string name = table.table->name.quoted();
  const std::string function = function_name(table);
  return {fmt::format("CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql SECURITY "
                      "DEFINER SET search_path = {} AS {}",
                      function, trigger_search_path(context.spec.schema),
                      quote_literal(fmt::format("#variable_conflict use_column\nBEGIN\n{}  RETURN "
                                                "NEW;\nEND",
                                                body))),
          fmt::format("CREATE TRIGGER {} BEFORE INSERT OR UPDATE ON {} FOR EACH ROW{} EXECUTE "
                      "FUNCTION {}()",
                      kTrigger, name, when, function),
          // Rows that come by replication are converted as well.
          fmt::format("ALTER TABLE {} ENABLE ALWAYS TRIGGER {}", name, kTrigger)};
}

/// What a reference has in its old form is what the row has that it refers to, however that is
/// written ("A0EE…" or "a0ee…").
std::string old_reference(const ConvertGroup& group, const ConvertTable& table,
                          const ConvertColumn& column) {
  std::vector<std::string> values;
  for (const ConvertKey& key : group.keys) {
    if (key.table != table.table->name || column.type != "uuid") continue;
    std::vector<std::string> conditions;
    const ConvertColumn* referenced = nullptr;
    for (std::size_t i = 0; i < key.columns.size(); ++i) {
      conditions.push_back(fmt::format("p.{} = NEW.{}", quote_identifier(key.referenced_columns[i]),
                                       quote_identifier(key.columns[i])));
      if (key.columns[i] == column.column->name) {
        referenced = group.find(key.referenced, key.referenced_columns[i]);
      }
    }
    if (referenced == nullptr) continue;
    values.push_back(fmt::format("(SELECT p.{} FROM {} AS p WHERE {})",
                                 quote_identifier(referenced->old_name), key.referenced.quoted(),
                                 join(conditions, " AND ")));
  }
  values.push_back(old_value(column, "NEW"));
  return values.size() == 1 ? values.front() : fmt::format("COALESCE({})", join(values, ", "));
}

void add_shadow(PlanContext& context, const ConvertColumn& column) {
  const sql::QualifiedName& table = column.table->name;
  Step step = make_step(Stage::kExpand, column.label, "add-column", column.shadow);
  step.title =
      fmt::format("add column {} for {} as {}", column.shadow, column.column->name, column.type);
  step.sql = {alter_table(
      table, fmt::format("ADD COLUMN {} {}", quote_identifier(column.shadow), column.type))};
  step.probe = probe::column_exists(table, column.shadow);
  step.inverse = {
      alter_table(table, fmt::format("DROP COLUMN IF EXISTS {}", quote_identifier(column.shadow)))};
  context.plan.steps.push_back(std::move(step));
}

void add_trigger(PlanContext& context, const ConvertTable& table) {
  Step step = make_step(Stage::kExpand, table.label, "convert-trigger");
  std::vector<std::string> columns;
  for (const ConvertColumn* column : table.columns) columns.push_back(column->shadow);
  step.title = fmt::format("create a trigger that keeps {} in step", join(columns, ", "));
  step.sql = create_convert_trigger(context, table);
  step.probe = probe::trigger_exists(table.table->name, kTrigger);
  step.inverse = drop_convert_trigger(table);
  context.plan.steps.push_back(std::move(step));
}

void add_indexes(PlanContext& context, const ConvertTable& table) {
  for (const ConvertIndex& index : convert_indexes(context.connection, table)) {
    add_index_steps(context, {table.table, table.label, index.shadow_name, index.unique,
                              index.definition, Stage::kEnforce});
    if (!index.primary) continue;
    // A primary key cannot become a plain index: with this one the swap can be taken back at once.
    add_index_steps(context, {table.table, table.label, index.kept_name, true, index.old_definition,
                              Stage::kEnforce});
    context.plan.steps.back().title += ", with which the old key could come back";
  }
}

}  // namespace

std::vector<std::string> create_convert_trigger(const PlanContext& context,
                                                const ConvertTable& table) {
  std::string body;
  std::vector<std::string> differs;
  for (const ConvertColumn* column : table.columns) {
    const std::string target = "NEW." + quote_identifier(column->shadow);
    const std::string value = new_value(*column, "NEW");
    body += fmt::format("  {} := {};\n", target, value);
    differs.push_back(fmt::format("{} IS DISTINCT FROM {}", target, value));
  }
  return create_trigger(context, table, body, fmt::format(" WHEN ({})", join(differs, " OR ")));
}

std::vector<std::string> create_back_trigger(const PlanContext& context, const ConvertGroup& group,
                                             const ConvertTable& table, OldForm form) {
  std::string body;
  for (const ConvertColumn* column : table.columns) {
    const std::string name = quote_identifier(column->column->name);
    // The new column stands behind the others: a value would land in the old one without a word.
    body += fmt::format(
        "  IF TG_OP = 'INSERT' AND NEW.{} IS NOT NULL THEN\n"
        "    RAISE EXCEPTION USING ERRCODE = 'invalid_column_reference', MESSAGE = {};\n"
        "  END IF;\n",
        quote_identifier(column->old_name),
        quote_literal(fmt::format("{} is being converted and stands in another place: an INSERT "
                                  "must name its columns",
                                  column->shown())));
    body += fmt::format(
        "  IF TG_OP = 'INSERT' OR NEW.{0} IS DISTINCT FROM OLD.{0} THEN\n"
        "    NEW.{1} := {2};\n"
        "  END IF;\n",
        name, quote_identifier(column->old_name),
        form == OldForm::kKept ? kept_value(group, table, *column, "NEW")
                               : old_reference(group, table, *column));
  }
  return create_trigger(context, table, body, "");
}

std::vector<std::string> drop_convert_trigger(const ConvertTable& table) {
  std::vector<std::string> statements = drop_trigger(*table.table, std::string(kTrigger));
  statements.push_back(fmt::format("DROP FUNCTION IF EXISTS {}()", function_name(table)));
  return statements;
}

void plan_convert_expand(PlanContext& context) {
  for (const ConvertGroup& group : convert_groups(context.connection, context.scope)) {
    for (const ConvertTable& table : group.tables) {
      for (const ConvertColumn* column : table.columns) add_shadow(context, *column);
      add_trigger(context, table);
    }
  }
}

void plan_convert_enforce(PlanContext& context) {
  for (const ConvertGroup& group : convert_groups(context.connection, context.scope)) {
    for (const ConvertTable& table : group.tables) {
      for (const ConvertColumn* column : table.columns) {
        if (!column->column->not_null) continue;
        add_not_null_steps_like(context,
                                {table.table, table.label, column->shadow, false, "", {}, {}},
                                *column->column);
      }
      add_indexes(context, table);
    }
  }
}

}  // namespace pgbackfill::planner
