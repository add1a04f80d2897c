#include "planner/operations/ensure/ensure_checks.hpp"
#include "planner/operations/ensure/ensured_rows.hpp"
#include "planner/plan/step_builder.hpp"
#include "planner/spec_resolution.hpp"

#include <fmt/format.h>

#include <map>

namespace pgbackfill::planner {
namespace {

std::string row_title(const EnsuredRows& rows) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : rows.spec->row) {
    for (const std::string& key : rows.spec->key) {
      if (key == name) parts.push_back(fmt::format("{} = {}", name, value));
    }
  }
  return join(parts, ", ");
}

}  // namespace

void plan_ensure(PlanContext& context) {
  std::map<std::string, int> number_of;
  for (const EnsureSpec& spec : context.spec.of<EnsureSpec>()) {
    const sql::Table* table = context.catalog.table(resolve_name(spec.table, context.spec.schema));
    if (table == nullptr) continue;
    std::vector<std::string> columns;
    if (!spec.select.empty()) columns = query_columns(context.connection, spec.select);
    const EnsuredRows rows = ensured_rows(spec, *table, context.spec.schema, std::move(columns));
    const int number = ++number_of[rows.label];
    const std::string all_there =
        fmt::format("SELECT NOT EXISTS (SELECT FROM {} WHERE {})", rows.source, rows.missing());
    if (spec.select.empty() && context.connection.execute(all_there).boolean(0, 0)) {
      context.plan.notes.push_back(
          fmt::format("{} has the row {} already", rows.label, row_title(rows)));
      continue;
    }
    Step step = make_step(Stage::kEnsure, rows.label, fmt::format("row-{}", number));
    step.title = spec.select.empty() ? fmt::format("insert the row {}", row_title(rows))
                                     : "insert the rows of a query that are not there";
    step.sql = {insert_missing(rows, step.id)};
    step.probe = all_there;
    step.inverse = delete_inserted(rows, step.id);
    context.plan.steps.push_back(std::move(step));
  }
}

}  // namespace pgbackfill::planner
