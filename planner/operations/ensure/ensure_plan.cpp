#include "planner/operations/ensure/ensure_checks.hpp"
#include "planner/operations/ensure/ensure_spec.hpp"
#include "planner/plan/step_builder.hpp"
#include "planner/spec_resolution.hpp"

#include <fmt/format.h>

#include <map>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;

/// An [[ensure]] row, its values cast to the types of their columns.
struct EnsuredRow {
  sql::QualifiedName table;
  std::string columns;
  std::string values;
  std::string key;    ///< condition that finds the row
  std::string shown;  ///< the key, for people

  std::string exists() const {
    return fmt::format("EXISTS (SELECT FROM {} WHERE {})", table.quoted(), key);
  }
};

EnsuredRow ensured_row(const EnsureSpec& spec, const sql::Table& table) {
  EnsuredRow row{table.name, "", "", "", ""};
  std::map<std::string, std::string> cast;
  std::vector<std::string> names;
  std::vector<std::string> values;
  for (const auto& [name, value] : spec.row) {
    const sql::Column* column = table.column(name);
    cast[name] = constant_expression(value, column == nullptr ? "text" : column->type);
    names.push_back(name);
    values.push_back(cast[name]);
    for (const std::string& key : spec.key) {
      if (key == name)
        row.shown += fmt::format("{}{} = {}", row.shown.empty() ? "" : ", ", name, value);
    }
  }
  std::vector<std::string> conditions;
  for (const std::string& name : spec.key) {
    conditions.push_back(fmt::format("{} = {}", quote_identifier(name), cast[name]));
  }
  row.columns = quoted_list(names);
  row.values = join(values, ", ");
  row.key = join(conditions, " AND ");
  return row;
}

}  // namespace

void plan_ensure(PlanContext& context) {
  std::map<std::string, int> rows_of;
  for (const EnsureSpec& spec : context.spec.of<EnsureSpec>()) {
    const auto name = resolve_name(spec.table, context.spec.schema);
    const sql::Table* table = context.catalog.table(name);
    if (table == nullptr) continue;
    const EnsuredRow row = ensured_row(spec, *table);
    const std::string label = name.display(context.spec.schema);
    const int number = ++rows_of[label];
    if (context.connection.execute("SELECT " + row.exists()).boolean(0, 0)) {
      // Not a step: taking it back must not delete a row that was there before.
      context.plan.notes.push_back(fmt::format("{} has the row {} already", label, row.shown));
      continue;
    }
    Step step = make_step(Stage::kEnsure, label, fmt::format("row-{}", number));
    step.title = fmt::format("insert the row {}", row.shown);
    step.sql = {fmt::format("INSERT INTO {} ({}) SELECT {} WHERE NOT {} ON CONFLICT DO NOTHING",
                            row.table.quoted(), row.columns, row.values, row.exists())};
    step.probe = "SELECT " + row.exists();
    step.inverse = {fmt::format("DELETE FROM {} WHERE {}", row.table.quoted(), row.key)};
    context.plan.steps.push_back(std::move(step));
  }
}

}  // namespace pgbackfill::planner
