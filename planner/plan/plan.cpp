#include "planner/plan/plan.hpp"

#include "planner/operations/operation.hpp"
#include "planner/plan/step_builder.hpp"
#include "sql/statements.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace pgbackfill::planner {
namespace {

constexpr std::array<std::string_view, kStageCount> kStageNames{
    "ensure", "expand", "backfill", "enforce", "foreign-key", "index", "finish"};

/// New columns have no statistics of their own until somebody collects them.
void analyze(PlanContext& context) {
  struct Columns {
    const NewColumn* first;
    std::vector<std::string> names;
  };
  std::vector<Columns> tables;
  std::map<const sql::Table*, std::size_t> places;
  for (const NewColumn& column : context.new_columns) {
    const auto [place, is_new] = places.emplace(column.table, tables.size());
    if (is_new) tables.push_back({&column, {}});
    tables[place->second].names.push_back(column.name);
  }
  for (const Columns& columns : tables) {
    Step step = make_step(Stage::kFinish, columns.first->label, "analyze");
    step.kind = StepKind::kAlone;
    step.title = fmt::format("collect statistics of {}", join(columns.names, ", "));
    step.sql = {fmt::format("ANALYZE {} ({})", columns.first->table->name.quoted(),
                            quoted_list(columns.names))};
    context.plan.steps.push_back(std::move(step));
  }
}

/// A rollback cannot put a column back into its place.
void note_column_order(Plan& plan) {
  std::vector<std::string> tables;
  std::set<std::string_view> told;
  for (const Step& step : plan.steps) {
    const bool adds = std::any_of(
        step.inverse.begin(), step.inverse.end(),
        [](const std::string& sql) { return sql.find(" ADD COLUMN ") != std::string::npos; });
    if (adds && told.insert(step.table).second) tables.push_back(step.table);
  }
  if (tables.empty()) return;
  plan.notes.push_back(fmt::format(
      "after finish, a rollback brings old columns back as the last ones of their tables: {}",
      join(tables, ", ")));
}

Step ledger_step() {
  Step step;
  step.id = kLedgerStep;
  step.stage = Stage::kEnsure;
  step.title = "create the schema pgbackfill, where the job keeps its state";
  step.sql = {std::string(sql::statement("ledger_schema"))};
  step.probe = probe::relation_exists({std::string(kLedgerSchema), "job"});
  step.inverse = {std::string(sql::statement("ledger_drop"))};
  return step;
}

void check_ids(const Plan& plan) {
  std::set<std::string_view> ids;
  for (const Step& step : plan.steps) {
    if (!ids.insert(step.id).second) {
      throw std::logic_error("two steps of the plan have the id " + step.id);
    }
  }
}

}  // namespace

std::string_view to_string(Stage stage) { return kStageNames.at(static_cast<std::size_t>(stage)); }

std::optional<Stage> parse_stage(std::string_view name) {
  const auto found = std::find(kStageNames.begin(), kStageNames.end(), name);
  if (found == kStageNames.end()) return std::nullopt;
  return static_cast<Stage>(found - kStageNames.begin());
}

std::string_view to_string(Method method) {
  switch (method) {
    case Method::kCatalog:
      return "catalog";
    case Method::kCopy:
      return "copy";
    case Method::kUpdate:
      return "update";
  }
  return "?";
}

std::string_view to_string(ReadOrder order) { return order == ReadOrder::kBlock ? "block" : "key"; }

std::string title_of(const Step& step) {
  return step.table.empty() ? step.title : step.table + ": " + step.title;
}

const Step* Plan::step(std::string_view id) const {
  const auto found =
      std::find_if(steps.begin(), steps.end(), [&](const Step& step) { return step.id == id; });
  return found == steps.end() ? nullptr : &*found;
}

Plan outline(const Plan& plan) {
  Plan told{plan.schema, {}, plan.tables, plan.enums, plan.notes};
  for (const Step& step : plan.steps) {
    if (!step.backfill && step.irreversible.empty()) continue;
    Step& line = told.steps.emplace_back();
    line.id = step.id;
    line.stage = step.stage;
    line.kind = step.kind;
    line.table = step.table;
    line.title = step.title;
    line.irreversible = step.irreversible;
    line.backfill = step.backfill;
  }
  return told;
}

Plan make_plan(const JobSpec& spec, const sql::Catalog& catalog, sql::Connection& connection) {
  PlanContext context{spec, catalog, connection, resolve_scope(spec, catalog), {}, {}};
  context.plan.schema = spec.schema;
  context.plan.notes = context.scope.notes;
  context.plan.steps.push_back(ledger_step());
  for (int stage = 0; stage < kStageCount; ++stage) {
    const auto at = static_cast<Stage>(stage);
    for (const Operation* operation : operations()) operation->plan(at, context);
    if (at == Stage::kBackfill) plan_backfill(context);
    for (const Operation* operation : operations()) operation->plan_last(at, context);
  }
  analyze(context);
  for (const Operation* operation : operations()) operation->conclude(context);
  note_column_order(context.plan);
  check_ids(context.plan);
  return std::move(context.plan);
}

}  // namespace pgbackfill::planner
