#include "planner/values/fill_counter.hpp"
#include "planner/values/live_values.hpp"
#include "planner/values/noted_changes.hpp"
#include "planner/values/value_losses.hpp"
#include "planner/values/value_plan.hpp"

#include <fmt/format.h>

#include <map>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;
using sql::quote_literal;

void add_column(PlanContext& context, const ValueWork& work) {
  const std::string& column = work.name;
  const std::string quoted = quote_identifier(column);
  const sql::QualifiedName& table = work.table->name;
  const bool constant = work.source->kind == SourceKind::kConstant;
  Step step = make_step(Stage::kExpand, work.label, "add-column", column);
  step.title = fmt::format("add column {} {}", column, work.type);
  const std::string add = fmt::format("ADD COLUMN {} {}", quoted, work.type);
  const std::string default_value =
      constant ? constant_expression(work.source->constant, work.type) : "";
  const FillCounter counter(work);
  if (work.by_catalog) {
    step.title += ", for all rows at once by its default";
    step.sql = {alter_table(table, fmt::format("{} DEFAULT {}", add, default_value))};
  } else {
    step.sql = {alter_table(table, add)};
    if (constant) step.title += ", with a default for new rows";
  }
  step.inverse = {alter_table(table, fmt::format("DROP COLUMN IF EXISTS {}", quoted))};
  if (constant) {
    append(step.sql, counter.create());
    append(step.sql, counter.create_function());
    step.sql.push_back(alter_table(table, fmt::format("ALTER COLUMN {} SET DEFAULT {}", quoted,
                                                      counter.counted(default_value))));
    append(step.inverse, counter.drop());
  }
  step.probe = probe::column_exists(table, column);
  step.losses = added_column_losses(context, work);
  context.plan.steps.push_back(std::move(step));
}

/// The column is there already: new rows get their value by default or trigger all the same.
void prepare_column(PlanContext& context, const ValueWork& work) {
  const std::string& column = work.name;
  const std::string quoted = quote_identifier(column);
  const sql::QualifiedName& table = work.table->name;
  const auto& old_default = work.column->default_expression;
  const std::string restore =
      old_default ? fmt::format("ALTER COLUMN {} SET DEFAULT {}", quoted, *old_default)
                  : fmt::format("ALTER COLUMN {} DROP DEFAULT", quoted);
  if (work.source->kind == SourceKind::kConstant) {
    Step step = make_step(Stage::kExpand, work.label, "set-default", column);
    step.title = fmt::format("set a default of {} for new rows", column);
    const FillCounter counter(work);
    step.sql = counter.create();
    append(step.sql, counter.create_function());
    step.sql.push_back(alter_table(table, fmt::format("ALTER COLUMN {} SET DEFAULT {}", quoted,
                                                      counter.counted(constant_expression(
                                                          work.source->constant, work.type)))));
    step.probe = probe::default_counts(table, column);
    step.losses = {kept_values(context, work)};
    step.inverse = {alter_table(table, restore)};
    append(step.inverse, counter.drop());
    context.plan.steps.push_back(std::move(step));
  } else if (old_default) {
    // The default would hide from the trigger that a row names no organization.
    Step step = make_step(Stage::kExpand, work.label, "drop-default", column);
    step.title = fmt::format("drop the default of {}", column);
    step.sql = {alter_table(table, fmt::format("ALTER COLUMN {} DROP DEFAULT", quoted))};
    step.probe = probe::no(probe::column_has_default(table, column));
    step.inverse = {alter_table(table, restore)};
    context.plan.steps.push_back(std::move(step));
  }
}

std::string create_fill_trigger(const ValueWork& work, std::string_view events) {
  return fmt::format(
      "CREATE TRIGGER {} BEFORE {} ON {} FOR EACH ROW WHEN (NEW.{} IS NULL) EXECUTE FUNCTION {}()",
      quote_identifier(fill_trigger(work)), events, work.table->name.quoted(),
      quote_identifier(work.name),
      ledger_function("fill", work.table->name, work.detail()).quoted());
}

/// One trigger fills new rows, the other follows changes of what the value is computed from, or
/// notes them: without it a row that moves after it was filled would stay with the organization
/// that it left.
void add_fill_trigger(PlanContext& context, const ValueWork& work) {
  const std::string& column = work.name;
  const std::string quoted = quote_identifier(column);
  const sql::QualifiedName& table = work.table->name;
  const std::string function = ledger_function("fill", table, work.detail()).quoted();
  const FillCounter counter(work);
  Step step = make_step(Stage::kExpand, work.label, "fill-trigger", column);
  const std::vector<std::string> inputs = value_inputs(context, work);
  step.title = fmt::format("create a trigger that fills {} of new rows", column);
  const bool noted = NotedChanges::suit(context, work, inputs);
  const NotedChanges changes(work, inputs);
  if (!inputs.empty()) {
    step.title += fmt::format(", and one that {} {}", noted ? "notes changes of" : "follows",
                              join(inputs, ", "));
  }
  step.sql = counter.create();
  append(step.sql,
         {fmt::format("CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql SECURITY "
                      "DEFINER SET search_path = {} AS {}",
                      function, trigger_search_path(context.spec.schema),
                      quote_literal(
                          fmt::format("#variable_conflict use_column\n"
                                      "BEGIN\n"
                                      "{}"
                                      "  SELECT {} INTO NEW.{} FROM (SELECT NEW.*) AS t;\n"
                                      "  RETURN NEW;\n"
                                      "END",
                                      counter.count(), filled_expression(context, work), quoted))),
          create_fill_trigger(work, "INSERT")});
  step.probe = probe::trigger_exists(table, fill_trigger(work));
  step.inverse = drop_trigger(*work.table, fill_trigger(work));
  step.inverse.push_back(fmt::format("DROP FUNCTION IF EXISTS {}()", function));
  append(step.sql, noted ? changes.create() : create_follow_trigger(context, work, inputs));
  if (!inputs.empty()) append(step.inverse, drop_follow_trigger(work));
  if (noted) {
    append(step.inverse, changes.drop());
    context.noted_inputs.emplace(&work, inputs);
  }
  if (work.column != nullptr) step.losses = {kept_values(context, work)};
  append(step.inverse, counter.drop());
  context.plan.steps.push_back(std::move(step));
}

void add_lookup(PlanContext& context, const LookupSpec& lookup, const std::string& value_type) {
  const sql::QualifiedName table = ledger_name("lookup", lookup.name);
  Step step = make_step(Stage::kExpand, lookup.name, "lookup");
  step.table.clear();
  step.kind = StepKind::kLookup;
  step.title = fmt::format("load {} ({} entries) as lookup {}", lookup.file, lookup.entries.size(),
                           lookup.name);
  step.lookup = lookup.name;
  step.lookup_table = table.quoted();
  step.sql = {fmt::format("CREATE TABLE {} (key {} PRIMARY KEY, value {} NOT NULL)", table.quoted(),
                          lookup_key_type(context.scope, lookup.name), value_type),
              fmt::format("COPY {} (key, value) FROM STDIN", table.quoted())};
  step.inverse = {fmt::format("DROP TABLE IF EXISTS {}", table.quoted())};
  context.plan.steps.push_back(std::move(step));
}

}  // namespace

void load_lookups(PlanContext& context) {
  std::map<std::string, const ValueWork*> used;
  for (const ValueWork* work : context.scope.values()) {
    if (work->needs_value && work->source->kind == SourceKind::kLookup) {
      used.emplace(work->source->lookup, work);
    }
  }
  for (const auto& [name, user] : used) {
    if (const LookupSpec* lookup = context.spec.lookup(name)) {
      add_lookup(context, *lookup, user->type);
    }
  }
}

void expand_values(PlanContext& context, const std::vector<ValueWork>& values) {
  for (const ValueWork& work : values) {
    if (!work.needs_value) continue;
    context.new_columns.push_back({work.table, work.label, work.name});
    if (work.column == nullptr) {
      add_column(context, work);
    } else {
      prepare_column(context, work);
    }
    if (work.source->kind != SourceKind::kConstant) add_fill_trigger(context, work);
  }
}

void add_fill_on_update(PlanContext& context, const ValueWork& work) {
  const std::string& column = work.name;
  Step step = make_step(Stage::kEnforce, work.label, "fill-on-update", column);
  step.title = fmt::format("let the trigger fill {} of changed rows too", column);
  step.sql = drop_trigger(*work.table, fill_trigger(work));
  step.inverse = step.sql;
  step.sql.push_back(create_fill_trigger(work, "INSERT OR UPDATE"));
  step.inverse.push_back(create_fill_trigger(work, "INSERT"));
  step.probe = probe::trigger_on_update(work.table->name, fill_trigger(work));
  context.plan.steps.push_back(std::move(step));
}

}  // namespace pgbackfill::planner
