#include "planner/operations/convert/convert_checks.hpp"
#include "planner/plan/step_builder.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;

/// Examples of a finding; more help nobody.
constexpr int kMaxListed = 10;
/// How much of a value is shown.
constexpr int kMaxShown = 60;

/// What the server reads as a uuid: a hyphen may follow each group of four digits but the last.
constexpr std::string_view kUuid =
    "'^([0-9a-fA-F]{4}(-?[0-9a-fA-F]{4}){7}|[{][0-9a-fA-F]{4}(-?[0-9a-fA-F]{4}){7}[}])$'";

std::string listed(const sql::Result& rows, std::int64_t total) {
  std::vector<std::string> parts;
  for (int i = 0; i < rows.rows(); ++i) parts.emplace_back(rows.text(i, 0));
  if (total > rows.rows()) parts.push_back(fmt::format("and {} more", total - rows.rows()));
  return join(parts, ", ");
}

/// True when every value converts.
bool check_values(PreflightContext& context, const ConvertColumn& column) {
  const std::string value = fmt::format("t.{}::text", quote_identifier(column.column->name));
  const std::string rows =
      fmt::format("{} AS t WHERE {} !~ {}", column.table->name.quoted(), value, kUuid);
  const std::int64_t total =
      context.connection.execute("SELECT count(*) FROM " + rows).integer(0, 0);
  if (total == 0) return true;
  const sql::Result examples = context.connection.execute(
      fmt::format("SELECT {} || ': ' || quote_literal(left({}, {})) FROM {} LIMIT {}",
                  key_expression(*column.table, "t"), value, kMaxShown, rows, kMaxListed));
  context.refuse(column.shown(),
                 fmt::format("{} value{} no {}: {}", total, total == 1 ? " is" : "s are",
                             column.type, listed(examples, total)),
                 "correct the rows first");
  return false;
}

/// Some value is not written as the server writes it, so that two may be one.
bool written_otherwise(PreflightContext& context, const ConvertColumn& column) {
  return context.connection
      .execute(fmt::format("SELECT EXISTS (SELECT FROM {} AS t WHERE t.{}::text <> {}::text)",
                           column.table->name.quoted(), quote_identifier(column.column->name),
                           new_value(column, "t")))
      .boolean(0, 0);
}

std::string predicate_of(PreflightContext& context, const sql::QualifiedName& index) {
  return std::string(context.connection
                         .execute("SELECT coalesce(' AND (' || pg_get_expr(indpred, indrelid) || "
                                  "')', '') FROM pg_index WHERE indexrelid = $1::regclass",
                                  {index.quoted()})
                         .text(0, 0));
}

void check_unique(PreflightContext& context, const ConvertTable& table, const sql::Index& index) {
  std::vector<std::string> olds;
  std::vector<std::string> news;
  std::vector<std::string> present;
  for (const std::string& name : index.columns) {
    const ConvertColumn* column = table.find(name);
    const std::string old = "t." + quote_identifier(name);
    olds.push_back(old + "::text");
    news.push_back(column == nullptr ? old : new_value(*column, "t"));
    present.push_back(old + " IS NOT NULL");
  }
  const std::string groups = fmt::format(
      "SELECT string_agg('(' || concat_ws(', ', {}) || ')', ' = ') AS rows FROM {} AS t WHERE {}{} "
      "GROUP BY {} HAVING count(*) > 1",
      join(olds, ", "), table.table->name.quoted(), join(present, " AND "),
      predicate_of(context, {table.table->name.schema, index.name}), join(news, ", "));
  const std::int64_t total =
      context.connection.execute(fmt::format("SELECT count(*) FROM ({}) AS g", groups))
          .integer(0, 0);
  if (total == 0) return;
  const sql::Result examples =
      context.connection.execute(fmt::format("{} LIMIT {}", groups, kMaxListed));
  context.refuse(fmt::format("index {} of table {}", index.name, table.label),
                 fmt::format("{} group{} of its values would be the same after the conversion: {}",
                             total, total == 1 ? "" : "s", listed(examples, total)),
                 "make one of each first");
}

void check_collisions(PreflightContext& context, const ConvertTable& table) {
  for (const sql::Index& index : table.table->indexes) {
    if (!index.unique || !index.valid || index.has_expressions) continue;
    const bool may = std::any_of(index.columns.begin(), index.columns.end(), [&](const auto& name) {
      const ConvertColumn* column = table.find(name);
      return column != nullptr && column->type == "uuid" && written_otherwise(context, *column);
    });
    if (may) check_unique(context, table, index);
  }
}

/// Rows that the job itself inserts before it converts.
void check_coming(PreflightContext& context, const ConvertColumn& column) {
  for (const ComingValue& coming : context.scope.of<ComingValue>()) {
    if (coming.table != column.table->name) continue;
    if (coming.query.empty() && coming.column != column.column->name) continue;
    const std::string values =
        coming.query.empty()
            ? fmt::format("(SELECT {}::text AS v) AS q", sql::quote_literal(coming.value))
            : fmt::format("(SELECT to_jsonb(r) ->> {} AS v FROM ({}) AS r) AS q",
                          sql::quote_literal(column.column->name), coming.query);
    const sql::Result bad = context.connection.execute(
        fmt::format("SELECT quote_literal(left(v, {})) FROM {} WHERE v !~ {} LIMIT 1", kMaxShown,
                    values, kUuid));
    if (bad.rows() == 0) continue;
    context.refuse(
        column.shown(),
        fmt::format("[[ensure]] gives it {}, which is no {}", bad.text(0, 0), column.type),
        "correct the row in the migration file");
  }
}

}  // namespace

void check_convert_data(PreflightContext& context) {
  bool sound = true;
  for (const ConvertColumn& column : context.scope.of<ConvertColumn>()) {
    // Every integer is a bigint.
    if (column.type != "uuid") continue;
    sound = check_values(context, column) && sound;
    check_coming(context, column);
  }
  if (!sound) return;
  for (const ConvertGroup& group : convert_groups(context.connection, context.scope)) {
    for (const ConvertTable& table : group.tables) {
      check_collisions(context, table);
    }
  }
}

}  // namespace pgbackfill::planner
