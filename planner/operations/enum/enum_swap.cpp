#include "planner/operations/enum/carried_objects.hpp"
#include "planner/operations/enum/enum_composite.hpp"
#include "planner/operations/enum/enum_domain.hpp"
#include "planner/operations/enum/enum_key.hpp"
#include "planner/operations/enum/enum_plan.hpp"
#include "planner/operations/enum/enum_return.hpp"
#include "planner/operations/enum/enum_sql.hpp"
#include "planner/operations/enum/table_swap.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;
using sql::quote_literal;

/// Whoever waits here with a view or table locked, longer than the server lets deadlocks be, might
/// cost a transaction of the application.
constexpr std::string_view kStepBackFirst =
    "SELECT set_config('lock_timeout', (deadlock / 2)::integer || 'ms', true) FROM (SELECT "
    "extract(epoch FROM current_setting('deadlock_timeout')::interval) * 1000, extract(epoch FROM "
    "current_setting('lock_timeout')::interval) * 1000) AS s (deadlock, lock) WHERE deadlock >= 2 "
    "AND (lock > deadlock / 2 OR lock = 0)";

/// Writers are kept out first while readers still pass: whoever wrote may then read a view and
/// end, and whoever reads a view gets its tables. Only then is a view locked, and the tables again.
std::string keep_writers_out(const std::vector<EnumTable>& tables) {
  std::vector<std::string> names;
  for (const EnumTable& columns : tables) names.push_back(columns.table->name.quoted());
  return fmt::format("LOCK TABLE {} IN EXCLUSIVE MODE", join(names, ", "));
}

/// Ends the transaction with the names of all that depends (d, a row of pg_depend) as `from` says.
std::string refuse_dependents(std::string_view from, std::string_view message,
                              std::string_view hint) {
  return "DO " +
         quote_literal(fmt::format("DECLARE found text; BEGIN\n"
                                   "SELECT string_agg(DISTINCT pg_describe_object(d.classid, "
                                   "d.objid, d.objsubid), ', ')\n"
                                   "  INTO found FROM {};\n"
                                   "IF found IS NOT NULL THEN RAISE EXCEPTION USING\n"
                                   "  MESSAGE = '{}: ' || found,\n"
                                   "  HINT = '{}'; END IF;\n"
                                   "END",
                                   from, message, hint));
}

/// The swap's lock of the root keeps the answer true.
std::vector<std::string> while_there(const CarriedObject& object,
                                     const std::vector<std::string>& statements) {
  if (!object.partition) return statements;
  return {only_if(probe::is_partition(*object.partition), statements)};
}

/// Fails the swap when something made after the plan still hangs on the old columns: it would go
/// on reading values that no longer change.
std::string nothing_left_behind(const EnumWork& work) {
  // On a way back what judges the columns alone stays with them.
  const std::string_view stays = work.back ? "AND d.classid <> 'pg_constraint'::regclass " : "";
  std::vector<std::string> columns;
  for (const EnumColumnWork& column : work.columns) {
    columns.push_back(fmt::format("({}::regclass, {})", quote_literal(column.table->name.quoted()),
                                  quote_literal(column.old_name)));
  }
  return refuse_dependents(
      fmt::format(
          "(VALUES {}) AS old (relation, name)\n"
          "  JOIN pg_attribute AS a ON a.attrelid = old.relation AND a.attname = old.name\n"
          "  JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = "
          "a.attrelid\n"
          "    AND d.refobjsubid = a.attnum AND d.deptype = 'n'\n"
          "  LEFT JOIN pg_class AS c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid\n"
          "  WHERE c.relkind IS DISTINCT FROM 'i' {}",
          join(columns, ", "), stays),
      "made after the plan, and reads the old values",
      fmt::format("Drop it, {} again, and create it again afterwards.",
                  work.back ? "roll back" : "run"));
}

std::string regtype(const sql::QualifiedName& type) {
  return quote_literal(type.quoted()) + "::regtype";
}

/// The same for columns that came after the plan, or whose table has left the one that it was a
/// partition of: they would keep the old labels, and the type with them. Temporary tables end with
/// their session.
std::string no_column_left_behind(const EnumWork& work) {
  std::vector<std::string> names;
  for (const EnumColumnWork& column : work.columns) names.push_back(column.old_name);
  std::vector<std::string> types{regtype(work.old_type)};
  for (const EnumDomainWork& domain : work.domains) types.push_back(regtype(domain.old));
  for (const EnumCompositeWork& composite : work.composites) {
    types.push_back(regtype(composite.old));
  }
  return refuse_dependents(
      fmt::format("pg_type AS t\n"
                  "  JOIN pg_depend AS d ON d.refclassid = 'pg_type'::regclass\n"
                  "    AND d.refobjid IN (t.oid, t.typarray) AND d.classid = 'pg_class'::regclass\n"
                  "  JOIN pg_attribute AS a ON a.attrelid = d.objid AND a.attnum = d.objsubid\n"
                  "  JOIN pg_class AS c ON c.oid = d.objid AND c.relpersistence <> 't'\n"
                  "  WHERE t.oid IN ({0}) AND c.reltype NOT IN ({0}) AND a.attname NOT IN ({1})",
                  join(types, ", "), literal_list(names)),
      "not in the plan, and of the type whose labels change",
      "Drop it, or make it text; run again, and give it the type afterwards.");
}

void add_refresh(PlanContext& context, const CarriedObject& view) {
  Step step = make_step(Stage::kFinish, view.description, "refresh");
  step.table.clear();
  step.title = fmt::format("fill {}, which the cutover left empty", view.description);
  step.sql = {fmt::format("REFRESH MATERIALIZED VIEW {}", view.name)};
  step.probe = fmt::format(
      "SELECT coalesce((SELECT relispopulated FROM pg_catalog.pg_class WHERE oid = "
      "to_regclass({})), false)",
      quote_literal(view.name));
  context.plan.notes.push_back(
      fmt::format("{}: the cutover creates it empty, and it cannot be read until the next step has "
                  "filled it",
                  view.description));
  context.plan.steps.push_back(std::move(step));
}

/// Extended statistics are collected only together with all of their columns.
void analyze_whole(PlanContext& context, const std::vector<EnumTable>& tables) {
  for (const EnumTable& columns : tables) {
    for (const sql::Column& column : columns.table->columns) {
      const bool listed = std::any_of(
          context.new_columns.begin(), context.new_columns.end(), [&](const NewColumn& known) {
            return known.table == columns.table && known.name == column.name;
          });
      if (!listed) context.new_columns.push_back({columns.table, columns.label, column.name});
    }
  }
}

/// Each in its turn, whichever of them the swap has left empty.
std::string refill(const CarriedObject& view) {
  return only_if(
      fmt::format("SELECT EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = to_regclass({}) AND "
                  "NOT relispopulated)",
                  quote_literal(view.name)),
      {"REFRESH MATERIALIZED VIEW " + view.name});
}

/// The swap's inverse leaves them empty too, and what follows it is what was done before the swap.
void add_refill(PlanContext& context, const EnumWork& work, const Carried& carried) {
  Step step = make_step(Stage::kFinish, type_label(context, work), "refill");
  step.table.clear();
  step.title = "nothing now; on a rollback, fill the materialized views again";
  for (const CarriedObject& object : carried.objects) {
    if (object.stored && object.populated) step.inverse.push_back(refill(object));
  }
  if (!step.inverse.empty()) context.plan.steps.push_back(std::move(step));
}

}  // namespace

std::vector<std::string> swap_statements(PlanContext& context, const EnumWork& work,
                                         const Carried& carried) {
  std::vector<std::string> statements;
  const std::vector<EnumTable> tables = enum_tables(work);
  const std::vector<EnumKey> keys = enum_keys(context.connection, work);
  if (!carried.objects.empty() || !keys.empty()) {
    statements.emplace_back(kStepBackFirst);
    // Bodies are judged when they run, as before.
    if (!carried.objects.empty()) statements.emplace_back("SET LOCAL check_function_bodies = off");
    if (!tables.empty()) statements.push_back(keep_writers_out(tables));
  }
  append(statements, drop_keys(keys));
  for (const CarriedObject* object : in_drop_order(carried.objects)) {
    append(statements, while_there(*object, object->drop));
  }
  for (const EnumTable& columns : tables) {
    append(statements, swap_table(context, work, columns));
  }
  append(statements, rename_keys(keys));
  statements.push_back(rename_type(work.type->name, work.old_type.name));
  statements.push_back(rename_type(work.shadow_type, work.type->name.name));
  append(statements, swap_domains(context, work));
  append(statements, swap_composites(work));
  for (const CarriedObject& object : carried.objects) {
    append(statements, while_there(object, object.create));
  }
  if (!work.columns.empty()) {
    statements.push_back(nothing_left_behind(work));
    // On a way back they are asked for before it begins.
    if (!work.back) statements.push_back(no_column_left_behind(work));
  }
  return statements;
}

std::string add_swap(PlanContext& context, const EnumWork& work) {
  const Carried carried = carried_objects(context.connection, context.scope, work);
  std::string no_return = no_way_back(context, work);
  if (no_return.empty()) add_refill(context, work, carried);
  Step step = make_step(Stage::kFinish, type_label(context, work), "swap");
  step.table.clear();
  step.title = fmt::format("cutover: swap in the new labels of {}", type_label(context, work));
  if (!carried.objects.empty()) {
    step.title += fmt::format(", and set up {} object{} anew", carried.objects.size(),
                              carried.objects.size() == 1 ? "" : "s");
  }
  step.sql = swap_statements(context, work, carried);
  // The types change names in the same transaction as the columns.
  step.probe = probe::no(probe::type_exists(work.shadow_type));
  if (no_return.empty()) return_from_swap(context, work, step);
  step.irreversible = no_return;
  context.plan.steps.push_back(std::move(step));
  const std::vector<EnumTable> tables = enum_tables(work);
  for (const CarriedObject& object : carried.objects) {
    if (object.stored && object.populated) add_refresh(context, object);
    if (object.kind == "statistics" || object.kind == "generated") analyze_whole(context, tables);
  }
  return no_return;
}

}  // namespace pgbackfill::planner
