#include "planner/values/dependencies.hpp"
#include "planner/values/fill_counter.hpp"
#include "planner/values/live_values.hpp"
#include "planner/values/value_plan.hpp"

#include <fmt/format.h>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;

std::string drop_trigger_id(const ValueWork& work) {
  return fmt::format("enforce:{}:drop-fill-trigger:{}", work.label, work.name);
}

void drop_fill_trigger(PlanContext& context, const ValueWork& work) {
  // The trigger's own step holds its definition; taking this step back sets it up again.
  const Step* expand =
      context.step(fmt::format("expand:{}:fill-trigger:{}", work.label, work.name));
  if (expand == nullptr) return;
  Step step = make_step(Stage::kEnforce, work.label, "drop-fill-trigger", work.name);
  step.title = fmt::format("drop the trigger that filled {}", work.name);
  step.sql = expand->inverse;
  step.inverse = expand->sql;
  if (const Step* follow =
          context.step(fmt::format("backfill:{}:follow-trigger:{}", work.label, work.name))) {
    append(step.inverse, follow->sql);
  }
  step.probe = probe::no(expand->probe);
  context.plan.steps.push_back(std::move(step));
}

/// The column gets the default that it has in the end, in a step of its own.
void settle_default(PlanContext& context, const NotNullRequest& request) {
  const sql::QualifiedName& table = request.table->name;
  const std::string column = quote_identifier(request.column);
  Step step = make_step(Stage::kEnforce, request.label, "settle-default", request.column);
  step.title = request.default_after.empty() ? fmt::format("drop the default of {}", request.column)
                                             : fmt::format("set the default of {}", request.column);
  const auto set = [&](const std::string& value) {
    return alter_table(table, fmt::format("ALTER COLUMN {} {}", column,
                                          value.empty() ? "DROP DEFAULT" : "SET DEFAULT " + value));
  };
  step.sql = {set(request.default_after)};
  append(step.sql, request.after_drop);
  step.inverse = request.before_restore;
  step.inverse.push_back(set(request.default_to_restore));
  step.probe = settled_default(request);
  context.plan.steps.push_back(std::move(step));
}

NotNullRequest not_null_request(const ValueWork& work) {
  const bool constant = work.source != nullptr && work.source->kind == SourceKind::kConstant;
  NotNullRequest request;
  request.table = work.table;
  request.label = work.label;
  request.column = work.name;
  request.default_after = work.default_after;
  request.drop_default = constant || !work.default_after.empty();
  // What the step takes back is the state that expand left behind.
  if (constant) {
    const FillCounter counter(work);
    request.default_to_restore =
        counter.counted(constant_expression(work.source->constant, work.type));
    request.after_drop = counter.drop();
    request.before_restore = counter.create();
    append(request.before_restore, counter.create_function());
  }
  return request;
}

void enforce_one(PlanContext& context, const ValueWork& work,
                 const std::vector<std::string>& sources) {
  const NotNullRequest request = not_null_request(work);
  if (work.needs_value) {
    const bool constant = work.source->kind == SourceKind::kConstant;
    add_reconcile_steps(context, work, sources);
    if (work.not_null) {
      if (!constant && context.spec.run.online) add_fill_on_update(context, work);
      add_not_null_steps(context, request);
    } else if (request.drop_default) {
      settle_default(context, request);
    }
    drop_fill_trigger(context, work);
    return;
  }
  const std::string now = work.column->default_expression.value_or("");
  if (now == work.default_after || (work.spec == nullptr && work.default_after.empty())) return;
  NotNullRequest settle = request;
  settle.after_drop.clear();
  settle.before_restore.clear();
  settle.default_to_restore = now;
  settle_default(context, settle);
}

}  // namespace

void enforce_values(PlanContext& context, const std::vector<ValueWork>& values) {
  const Dependencies dependencies(context.spec, context.scope);
  const auto all = context.scope.values();
  for (const std::size_t value : dependencies.order()) {
    if (!is_among(values, *all[value])) continue;
    // Until the last step of enforce for a column that others take their values from, its own
    // values may move.
    enforce_one(context, *all[value], steps_needed(context, dependencies, value, drop_trigger_id));
  }
}

}  // namespace pgbackfill::planner
