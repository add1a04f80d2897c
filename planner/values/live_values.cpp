#include "planner/values/live_values.hpp"

#include "planner/backfill/reconcile_sql.hpp"
#include "planner/spec_resolution.hpp"
#include "planner/values/dependencies.hpp"
#include "planner/values/expression_reads.hpp"
#include "planner/values/noted_changes.hpp"
#include "planner/values/value_plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;
using sql::quote_literal;

/// Rows mended after one comparison; what remains is found by the next.
constexpr std::int64_t kMaxStaleRows = 50'000;

const Assignment& assignment_of(const TableBackfill& table, const ValueWork& work) {
  return *std::find_if(table.assignments.begin(), table.assignments.end(),
                       [&](const Assignment& a) { return a.column == work.name; });
}

Step reconcile_step(PlanContext& context, const ValueWork& work, const Step& backfill) {
  const TableBackfill& table = *backfill.backfill;
  const Assignment& assignment = assignment_of(table, work);
  const ValueJoin source = source_join(context, work);
  Step step = make_step(Stage::kEnforce, work.label, "reconcile",
                        backfill.table == work.label ? work.detail()
                        : work.spec != nullptr       ? backfill.table
                                                     : work.name + ":" + backfill.table);
  step.kind = StepKind::kReconcile;
  step.title = fmt::format("compare {} with its source, and mend what differs", assignment.column);
  step.sql = {find_stale(table, assignment, source, kMaxStaleRows), mend_stale(table, assignment)};
  step.partition = backfill.partition;
  return step;
}

std::string catch_up_id(const ValueWork& work) {
  return fmt::format("backfill:{}:catch-up:{}", work.label, work.name);
}

void follow_one(PlanContext& context, const ValueWork& work) {
  const std::vector<std::string>& inputs = context.noted_inputs.at(&work);
  const NotedChanges changes(work, inputs);
  Step follow = make_step(Stage::kBackfill, work.label, "follow-trigger", work.name);
  follow.title =
      fmt::format("let a trigger follow {} at once, in the place of the notes", join(inputs, ", "));
  follow.sql = changes.stop();
  append(follow.sql, create_follow_trigger(context, work, inputs));
  follow.inverse = drop_follow_trigger(work);
  follow.inverse.push_back(changes.create_trigger());
  follow.probe = probe::trigger_exists(work.table->name, follow_trigger(work));
  context.plan.steps.push_back(std::move(follow));

  const Step& backfill = *context.step(backfill_id(work.label));
  const Assignment& assignment = assignment_of(*backfill.backfill, work);
  const std::string filled = filled_expression(context, work);
  Step mend = make_step(Stage::kBackfill, work.label, "catch-up", work.name);
  mend.kind = StepKind::kCatchUp;
  mend.title = fmt::format("make good what of {} was changed meanwhile", join(inputs, ", "));
  mend.sql = {changes.find_stale(assignment, filled, kMaxStaleRows),
              mend_to(*backfill.backfill, assignment, filled)};
  mend.sweep = {backfill.id};
  context.plan.steps.push_back(std::move(mend));
}

}  // namespace

std::string value_trigger(std::string_view what, const ValueWork& work) {
  const std::string detail = work.detail();
  return sql::fit_identifier(
      fmt::format("zzz_pgbackfill_{}{}{}", what, detail.empty() ? "" : "_", detail));
}

std::string fill_trigger(const ValueWork& work) { return value_trigger("fill", work); }

std::string follow_trigger(const ValueWork& work) { return value_trigger("follow", work); }

std::vector<std::string> value_inputs(PlanContext& context, const ValueWork& work) {
  switch (work.source->kind) {
    case SourceKind::kConstant:
      return {};
    case SourceKind::kLookup:
    case SourceKind::kParent:
      return {work.source->key};
    case SourceKind::kSql:
      break;
  }
  const ExpressionReads reads = expression_reads(context.connection, context.scope, work);
  if (!reads.elsewhere.empty()) {
    context.plan.notes.push_back(
        fmt::format("{}: its sql value also reads {}; a change there reaches its rows when the job "
                    "compares them before enforce, not at once",
                    work.label, join(reads.elsewhere, ", ")));
  }
  return reads.columns;
}

std::vector<std::string> create_follow_trigger(const PlanContext& context, const ValueWork& work,
                                               const std::vector<std::string>& inputs) {
  if (inputs.empty()) return {};
  const std::string column = quote_identifier(work.name);
  const std::string function = ledger_function("follow", work.table->name, work.detail()).quoted();
  // Where the source has no value, what the same statement says itself stands.
  const std::string body = fmt::format(
      "#variable_conflict use_column\n"
      "BEGIN\n"
      "  SELECT COALESCE({0}, CASE WHEN NEW.{1} IS DISTINCT FROM OLD.{1} THEN NEW.{1} END)\n"
      "    INTO NEW.{1} FROM (SELECT NEW.*) AS t;\n"
      "  RETURN NEW;\n"
      "END",
      filled_expression(context, work), column);
  return {fmt::format("CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql SECURITY "
                      "DEFINER SET search_path = {} AS {}",
                      function, trigger_search_path(context.spec.schema), quote_literal(body)),
          fmt::format(
              "CREATE TRIGGER {} BEFORE UPDATE ON {} FOR EACH ROW WHEN ({}) EXECUTE FUNCTION {}()",
              quote_identifier(follow_trigger(work)), work.table->name.quoted(),
              columns_differ(inputs), function)};
}

std::vector<std::string> drop_follow_trigger(const ValueWork& work) {
  std::vector<std::string> statements = drop_trigger(*work.table, follow_trigger(work));
  statements.push_back(
      fmt::format("DROP FUNCTION IF EXISTS {}()",
                  ledger_function("follow", work.table->name, work.detail()).quoted()));
  return statements;
}

void follow_values(PlanContext& context, const std::vector<ValueWork>& values) {
  const Dependencies dependencies(context.spec, context.scope);
  const auto all = context.scope.values();
  for (const std::size_t value : dependencies.order()) {
    const ValueWork& work = *all[value];
    if (!is_among(values, work) || !context.noted_inputs.contains(&work)) continue;
    follow_one(context, work);
    context.plan.steps.back().after = steps_needed(context, dependencies, value, catch_up_id);
  }
}

void add_reconcile_steps(PlanContext& context, const ValueWork& work,
                         const std::vector<std::string>& after) {
  if (work.source == nullptr || work.source->kind == SourceKind::kConstant) return;
  std::vector<Step> steps;
  for (const std::string& id : backfill_ids(context, *work.table)) {
    const Step* backfill = context.step(id);
    if (backfill == nullptr) continue;
    steps.push_back(reconcile_step(context, work, *backfill));
    steps.back().after = after;
  }
  std::move(steps.begin(), steps.end(), std::back_inserter(context.plan.steps));
}

}  // namespace pgbackfill::planner
