#include "planner/plan/step_builder.hpp"

#include <fmt/format.h>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;

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

void set_not_null_at_once(PlanContext& context, const NotNullRequest& request) {
  const auto& name = request.table->name;
  const std::string column = quote_identifier(request.column);
  Step step = make_step(Stage::kEnforce, request.label, "set-not-null", request.column);
  step.title = fmt::format("set {} not null", request.column);
  std::string action = fmt::format("ALTER COLUMN {} SET NOT NULL", column);
  std::string inverse = fmt::format("ALTER COLUMN {} DROP NOT NULL", column);
  step.probe = probe::column_not_null(name, request.column);
  finish_alter(step, request, std::move(action), std::move(inverse));
  step.sweep = backfill_ids(context, *request.table);
  context.plan.steps.push_back(std::move(step));
}

Step add_check(const NotNullRequest& request, const std::string& constraint) {
  const auto& name = request.table->name;
  const std::string column = quote_identifier(request.column);
  Step step = make_step(Stage::kEnforce, request.label, "add-check", request.column);
  step.title = fmt::format("check that {} is not null, for new rows", request.column);
  std::string action = fmt::format("ADD CONSTRAINT {} CHECK ({} IS NOT NULL) NOT VALID",
                                   quote_identifier(constraint), column);
  std::string inverse = fmt::format("DROP CONSTRAINT IF EXISTS {}", quote_identifier(constraint));
  step.probe = probe::either(probe::constraint_exists(name, constraint, false),
                             probe::column_not_null(name, request.column));
  finish_alter(step, request, std::move(action), std::move(inverse));
  return step;
}

}  // namespace

std::string settled_default(const NotNullRequest& request) {
  const std::string has = probe::column_has_default(request.table->name, request.column);
  if (request.default_after.empty()) return probe::no(has);
  return probe::both(has, probe::no(probe::default_counts(request.table->name, request.column)));
}

void add_not_null_steps(PlanContext& context, const NotNullRequest& request) {
  if (!context.spec.run.online) return set_not_null_at_once(context, request);
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
  const std::string column = quote_identifier(request.column);
  set.sql = {alter_table(name, fmt::format("ALTER COLUMN {} SET NOT NULL", column))};
  set.inverse = {alter_table(name, fmt::format("ALTER COLUMN {} DROP NOT NULL", column))};
  set.probe = probe::column_not_null(name, request.column);
  steps.push_back(std::move(set));

  Step drop = make_step(Stage::kEnforce, request.label, "drop-check", request.column);
  drop.title = fmt::format("drop the check on {}", request.column);
  drop.sql = {alter_table(name, "DROP CONSTRAINT " + quoted)};
  drop.probe = probe::both(probe::no(probe::constraint_exists(name, constraint, false)),
                           probe::column_not_null(name, request.column));
  steps.push_back(std::move(drop));
}

}  // namespace pgbackfill::planner
