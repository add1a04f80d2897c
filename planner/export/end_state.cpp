#include "planner/export/end_state.hpp"

#include "planner/backfill/batch_sql.hpp"
#include "planner/export/plain_sql.hpp"
#include "planner/operations/alembic/alembic_operation.hpp"
#include "planner/plan/step_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace pgbackfill::planner {
namespace {

using sql::quote_literal;

/// Rows of one INSERT.
constexpr std::size_t kLookupRows = 1000;
/// How a statement of StepKind::kFill is told its rows.
constexpr std::string_view kGivenRows = "t.ctid = ANY ($1::tid[])";

void add_lookup(const Step& step, const JobSpec& spec, const PlainSql& plain,
                std::vector<std::string>& statements) {
  statements.push_back(plain.with_lookups(step.sql.front()));
  const LookupSpec* lookup = spec.lookup(step.lookup);
  if (lookup == nullptr) return;
  for (std::size_t first = 0; first < lookup->entries.size(); first += kLookupRows) {
    std::vector<std::string> rows;
    for (std::size_t i = first; i < std::min(first + kLookupRows, lookup->entries.size()); ++i) {
      const auto& [key, value] = lookup->entries[i];
      rows.push_back(fmt::format("({}, {})", quote_literal(key), quote_literal(value)));
    }
    statements.push_back(fmt::format("INSERT INTO {} (key, value) VALUES {}",
                                     plain.with_lookups(step.lookup_table), join(rows, ", ")));
  }
}

void add_backfill(const TableBackfill& backfill, const PlainSql& plain,
                  std::vector<std::string>& statements) {
  if (backfill.method == Method::kCatalog) return;  // its default did it
  statements.push_back(plain.with_lookups(update_all(backfill)));
}

void add_fill(const Step& step, const PlainSql& plain, std::vector<std::string>& statements) {
  std::string update = step.sql.back();
  const std::size_t rows = update.find(kGivenRows);
  if (rows != std::string::npos) update.replace(rows, kGivenRows.size(), "true");
  plain.add(std::move(update), statements);
}

void add_forward(const Step& step, const JobSpec& spec, const PlainSql& plain,
                 std::vector<std::string>& statements) {
  switch (step.kind) {
    case StepKind::kSql:
    case StepKind::kAlone:
      for (const std::string& statement : step.sql) plain.add(statement, statements);
      return;
    case StepKind::kLookup:
      return add_lookup(step, spec, plain, statements);
    case StepKind::kBackfill:
      return add_backfill(*step.backfill, plain, statements);
    case StepKind::kFill:
      return add_fill(step, plain, statements);
    case StepKind::kReconcile:
    case StepKind::kCatchUp:
      return;  // follows live writers, of whom there are none
  }
}

void add_back(const Step& step, const JobSpec& spec, const PlainSql& plain,
              std::vector<std::string>& statements) {
  for (const Step& before : step.undo) {
    if (before.kind != StepKind::kLookup) add_forward(before, spec, plain, statements);
  }
  for (const std::string& statement : step.inverse) {
    if (!plain.names_lookup(statement)) plain.add(statement, statements);
  }
}

/// The step's object is not there by its name in the end: it takes another's place, or is gone.
bool passes_away(const Step& step, const std::vector<std::string>& statements) {
  const std::string name = sql::quote_identifier(step.id.substr(step.id.rfind(':') + 1));
  return std::any_of(statements.begin(), statements.end(), [&](const std::string& statement) {
    return statement.find(" RENAME COLUMN " + name + " TO ") != std::string::npos ||
           statement.ends_with(" USING INDEX " + name) ||
           (statement.starts_with("DROP INDEX ") && statement.ends_with("." + name)) ||
           statement.find("." + name + " RENAME TO ") != std::string::npos;
  });
}

/// The step's probe holds at the end of the job, not only right after the step.
bool lasts(const Step& step, const std::vector<std::string>& statements) {
  static constexpr std::array<std::string_view, 6> kPassing{
      ":convert-key:", ":validate-convert-key:", ":drop-lookup",
      ":set-default:", ":drop-default:",         ":create-type"};
  if (step.probe.empty() || step.stage == Stage::kEnsure || step.stage == Stage::kBackfill) {
    return false;
  }
  // Triggers, lookups and what else is gone in the end.
  if (names_helper(step.probe) || step.id.find("-trigger") != std::string::npos) return false;
  if (step.kind == StepKind::kLookup || step.id.find(":fill-on-update:") != std::string::npos) {
    return false;
  }
  // Indexes that are built before the index stage belong to columns that make place for others.
  if (step.stage == Stage::kEnforce && step.id.find(":create") != std::string::npos) return false;
  return std::none_of(kPassing.begin(), kPassing.end(),
                      [&](auto what) { return step.id.find(what) != std::string::npos; }) &&
         !passes_away(step, statements);
}

std::string has_labels(const EnumTarget& target) {
  std::vector<std::string> labels = target.labels;
  if (!target.ordered) std::sort(labels.begin(), labels.end());
  return fmt::format(
      "SELECT coalesce((SELECT array_agg(enumlabel::text ORDER BY {}) FROM pg_catalog.pg_enum "
      "WHERE enumtypid = to_regtype({})) = ARRAY[{}]::text[], false)",
      target.ordered ? "enumsortorder" : "enumlabel::text COLLATE \"C\"",
      quote_literal(target.type.quoted()), literal_list(labels));
}

/// Columns that change their type under their own name.
void add_final_types(const JobSpec& spec, const sql::Catalog& catalog,
                     std::vector<std::string>& done) {
  for (const sql::Table& table : catalog.tables) {
    for (const sql::Column& column : table.columns) {
      for (const Operation* operation : operations()) {
        const auto type = operation->final_type(spec, table, column);
        if (!type) continue;
        done.push_back(fmt::format(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid = to_regclass({}) "
            "AND attname = {} AND atttypid = to_regtype({}))",
            quote_literal(table.name.quoted()), quote_literal(column.name), quote_literal(*type)));
      }
    }
  }
}

/// The job's expressions find their names by its schema; what follows in the same transaction
/// (Alembic's own statements) gets its path back.
void with_search_path(const std::string& schema, std::vector<std::string>& statements) {
  if (schema == "public" || statements.empty()) return;
  constexpr std::string_view kept = "pgbackfill.search_path";
  statements.insert(
      statements.begin(),
      {fmt::format("SELECT set_config('{}', current_setting('search_path'), true)", kept),
       "SET LOCAL search_path = " + trigger_search_path(schema)});
  statements.push_back(
      fmt::format("SELECT set_config('search_path', current_setting('{}'), true)", kept));
}

}  // namespace

EndState end_state(const Plan& plan, const JobSpec& spec, const sql::Catalog& catalog) {
  const PlainSql plain(plan);
  EndState state;
  std::vector<const Step*> steps;
  for (const Step& step : plan.steps) {
    if (step.id != kLedgerStep && step.id != kAlembicStamp) steps.push_back(&step);
  }
  for (const Step* step : steps) add_forward(*step, spec, plain, state.upgrade);
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    if (!(*step)->irreversible.empty()) {
      state.irreversible.push_back((*step)->title + ": " + (*step)->irreversible);
    }
    // The rows that ensure inserted stay: nothing tells here which they are.
    if ((*step)->stage != Stage::kEnsure) add_back(**step, spec, plain, state.downgrade);
  }
  for (const Step* step : steps) {
    if (lasts(*step, state.upgrade)) state.done.push_back(step->probe);
  }
  add_final_types(spec, catalog, state.done);
  for (const EnumTarget& target : plan.enums) state.done.push_back(has_labels(target));
  // Else a constraint that is checked at the end of the transaction keeps a table that was
  // written from being altered.
  if (!state.upgrade.empty()) {
    state.upgrade.insert(state.upgrade.begin(), "SET CONSTRAINTS ALL IMMEDIATE");
  }
  if (!state.downgrade.empty()) {
    state.downgrade.insert(state.downgrade.begin(), "SET CONSTRAINTS ALL IMMEDIATE");
  }
  with_search_path(plan.schema, state.upgrade);
  with_search_path(plan.schema, state.downgrade);
  return state;
}

}  // namespace pgbackfill::planner
