#include "planner/plan/not_null.hpp"
#include "sql/statements.hpp"

#include <fmt/format.h>

#include <optional>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;

struct Constraint {
  std::string name;
  bool validated = false;
  bool no_inherit = false;
  std::optional<std::string> comment;
};

std::optional<Constraint> read_constraint(sql::Connection& connection,
                                          const sql::QualifiedName& table,
                                          const sql::Column& column) {
  const sql::Result rows =
      connection.execute(sql::statement("not_null_constraint"), {table.quoted(), column.name});
  if (rows.rows() == 0) return std::nullopt;
  return Constraint{std::string(rows.text(0, 0)), rows.boolean(0, 1), rows.boolean(0, 2),
                    rows.optional_text(0, 3)};
}

/// Name of the constraint while its column waits for its place, or has given it away.
std::string waiting(const std::string& column) {
  return sql::fit_identifier("pgbackfill_not_null_" + column);
}

std::string add_constraint(const std::string& name, const std::string& column,
                           const Constraint& like) {
  return fmt::format("ADD CONSTRAINT {} NOT NULL {}{}{}", quote_identifier(name),
                     quote_identifier(column), like.no_inherit ? " NO INHERIT" : "",
                     like.validated ? "" : " NOT VALID");
}

/// A partition keeps a NOT NULL that is its own too: one that it had before it was attached, or
/// that came with a primary key's part.
std::string drop_of_partitions(const sql::QualifiedName& table, const std::string& column) {
  const std::string name = sql::quote_literal(column);
  return "DO " +
         sql::quote_literal(fmt::format(
             "DECLARE part regclass;\nBEGIN\n"
             "  FOR part IN SELECT t.relid FROM pg_catalog.pg_partition_tree({}::regclass) AS t\n"
             "    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.relid AND a.attname = {}\n"
             "    WHERE a.attnotnull ORDER BY t.level\n"
             "  LOOP\n"
             "    EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL', part, {});\n"
             "  END LOOP;\nEND",
             sql::quote_literal(table.quoted()), name, name));
}

/// Gives the step its one ALTER TABLE, which also drops the default where there is one: from
/// then on a row that names no organization fails loudly.
void finish_alter(Step& step, const NotNullRequest& request, std::string action,
                  std::string inverse) {
  const auto& name = request.table->name;
  if (request.drop_default) {
    const std::string column = quote_identifier(request.column);
    const auto set = [&](const std::string& value) {
      return fmt::format(", ALTER COLUMN {} {}", column,
                         value.empty() ? "DROP DEFAULT" : "SET DEFAULT " + value);
    };
    step.title +=
        request.default_after.empty() ? ", and drop its default" : ", and set its default";
    action += set(request.default_after);
    inverse += set(request.default_to_restore);
    step.probe = probe::both(step.probe, settled_default(request));
  }
  step.sql = {alter_table(name, action)};
  step.inverse = {};
  if (request.drop_default) {
    append(step.sql, request.after_drop);
    step.inverse = request.before_restore;
  }
  step.inverse.push_back(alter_table(name, inverse));
}

void set_not_null_at_once(PlanContext& context, const NotNullRequest& request,
                          const std::string& action) {
  const auto& name = request.table->name;
  Step step = make_step(Stage::kEnforce, request.label, "set-not-null", request.column);
  step.title = fmt::format("set {} not null", request.column);
  step.probe = probe::column_not_null(name, request.column);
  finish_alter(step, request, action, alter_column(request.column, "DROP NOT NULL"));
  step.sweep = backfill_ids(context, *request.table);
  context.plan.steps.push_back(std::move(step));
}

Step add_check(const NotNullRequest& request, const std::string& constraint) {
  const auto& name = request.table->name;
  const std::string column = quote_identifier(request.column);
  Step step = make_step(Stage::kEnforce, request.label, "add-check", request.column);
  step.title = fmt::format("check that {} is not null, for new rows", request.column);
  // Of a row value IS NOT NULL asks every attribute, and SET NOT NULL would not go by it.
  std::string action =
      fmt::format("ADD CONSTRAINT {} CHECK ({} {}) NOT VALID", quote_identifier(constraint), column,
                  request.row_value ? "IS DISTINCT FROM NULL" : "IS NOT NULL");
  std::string inverse = fmt::format("DROP CONSTRAINT IF EXISTS {}", quote_identifier(constraint));
  step.probe = probe::either(probe::constraint_exists(name, constraint, false),
                             probe::column_not_null(name, request.column));
  finish_alter(step, request, std::move(action), std::move(inverse));
  return step;
}

/// `action` of ALTER TABLE sets NOT NULL.
void add_steps(PlanContext& context, const NotNullRequest& request, const std::string& action) {
  if (!context.spec.run.online) return set_not_null_at_once(context, request, action);
  const auto& name = request.table->name;
  const std::string constraint = sql::fit_identifier("pgbackfill_" + request.column + "_not_null");
  const std::string quoted = quote_identifier(constraint);
  std::vector<Step>& steps = context.plan.steps;

  steps.push_back(add_check(request, constraint));

  Step validate = make_step(Stage::kEnforce, request.label, "validate-check", request.column);
  validate.title = fmt::format("check that {} is not null, for all rows", request.column);
  validate.sql = {alter_table(name, "VALIDATE CONSTRAINT " + quoted)};
  validate.probe = probe::either(probe::constraint_exists(name, constraint, true),
                                 probe::column_not_null(name, request.column));
  validate.sweep = backfill_ids(context, *request.table);
  steps.push_back(std::move(validate));

  // A statement of its own: only a CHECK that was valid before it spares the scan.
  Step set = make_step(Stage::kEnforce, request.label, "set-not-null", request.column);
  set.title = fmt::format("set {} not null", request.column);
  set.sql = {alter_table(name, action)};
  set.inverse = {alter_table(name, alter_column(request.column, "DROP NOT NULL"))};
  set.probe = probe::column_not_null(name, request.column);
  steps.push_back(std::move(set));

  Step drop = make_step(Stage::kEnforce, request.label, "drop-check", request.column);
  drop.title = fmt::format("drop the check on {}", request.column);
  drop.sql = {alter_table(name, "DROP CONSTRAINT " + quoted)};
  drop.probe = probe::both(probe::no(probe::constraint_exists(name, constraint, false)),
                           probe::column_not_null(name, request.column));
  steps.push_back(std::move(drop));
}

}  // namespace

std::string settled_default(const NotNullRequest& request) {
  const std::string has = probe::column_has_default(request.table->name, request.column);
  if (request.default_after.empty()) return probe::no(has);
  return probe::both(has, probe::no(probe::default_counts(request.table->name, request.column)));
}

void add_not_null_steps(PlanContext& context, const NotNullRequest& request) {
  add_steps(context, request, alter_column(request.column, "SET NOT NULL"));
}

void add_not_null_steps_like(PlanContext& context, NotNullRequest request,
                             const sql::Column& column) {
  request.row_value = column.type_kind == 'c';
  const auto constraint = read_constraint(context.connection, request.table->name, column);
  if (!constraint) return add_not_null_steps(context, request);
  add_steps(context, request, add_constraint(waiting(request.column), request.column, *constraint));
}

NotNullHandover hand_over_not_null(const PlanContext& context, const sql::Table& table,
                                   const sql::Column& column, const std::string& shadow,
                                   const std::string& old_name, bool keeps_old) {
  const sql::QualifiedName& name = table.name;
  const auto alter = [&](const std::string& action) { return alter_table(name, action); };
  const auto rename = [&](const std::string& from, const std::string& to) {
    return alter(
        fmt::format("RENAME CONSTRAINT {} TO {}", quote_identifier(from), quote_identifier(to)));
  };
  NotNullHandover handover;
  const auto constraint = read_constraint(context.connection, name, column);
  if (!constraint) {
    if (!column.not_null || keeps_old) return handover;
    handover.forth = {alter(alter_column(old_name, "DROP NOT NULL"))};
    handover.back = {alter(alter_column(column.name, "SET NOT NULL"))};
    return handover;
  }
  const auto drop = [&](const std::string& nullable) {
    std::vector<std::string> statements{alter(alter_column(nullable, "DROP NOT NULL"))};
    if (table.kind == 'p') statements.push_back(drop_of_partitions(name, nullable));
    return statements;
  };
  const std::string add = alter(add_constraint(constraint->name, column.name, *constraint));
  if (!constraint->validated) {
    handover.forth = drop(old_name);
    handover.forth.push_back(add);
    handover.back = drop(shadow);
    handover.back.push_back(add);
  } else {
    if (keeps_old) {
      handover.forth = {rename(constraint->name, waiting(old_name))};
    } else {
      handover.forth = drop(old_name);
    }
    handover.forth.push_back(rename(waiting(shadow), constraint->name));
    handover.back = {rename(constraint->name, waiting(shadow)),
                     keeps_old ? rename(waiting(old_name), constraint->name) : add};
  }
  if (constraint->comment) {
    const std::string comment =
        fmt::format("COMMENT ON CONSTRAINT {} ON {} IS {}", quote_identifier(constraint->name),
                    name.quoted(), sql::quote_literal(*constraint->comment));
    handover.forth.push_back(comment);
    handover.back.push_back(comment);
  }
  return handover;
}

}  // namespace pgbackfill::planner
