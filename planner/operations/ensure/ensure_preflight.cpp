#include "planner/operations/ensure/ensure_checks.hpp"
#include "planner/operations/ensure/ensured_rows.hpp"
#include "planner/plan/step_builder.hpp"
#include "planner/preflight/preflight_context.hpp"
#include "planner/spec_resolution.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace pgbackfill::planner {
namespace {

/// Rows of a finding that are named; the rest is counted.
constexpr int kMaxListed = 10;

std::string listed(const sql::Result& rows) {
  std::vector<std::string> parts;
  for (int i = 0; i < std::min(rows.rows(), kMaxListed); ++i) parts.emplace_back(rows.text(i, 0));
  if (rows.rows() > kMaxListed) {
    parts.push_back(fmt::format("and {} more", rows.rows() - kMaxListed));
  }
  return join(parts, "; ");
}

/// What the query gives fits the table. False when it does not, and nothing else can be asked.
bool check_columns(PreflightContext& context, const EnsuredRows& rows) {
  std::string unknown;
  for (const std::string& name : rows.columns) {
    if (rows.table->column(name) == nullptr) unknown += (unknown.empty() ? "" : ", ") + name;
  }
  std::string absent;
  for (const std::string& name : rows.spec->key) {
    if (std::find(rows.columns.begin(), rows.columns.end(), name) == rows.columns.end()) {
      absent += (absent.empty() ? "" : ", ") + name;
    }
  }
  if (!unknown.empty()) {
    context.refuse(
        rows.label,
        fmt::format("the query of its [[ensure]] gives {}, which the table does not have", unknown),
        "name the query's columns like the table's (… AS name)");
  }
  if (!absent.empty()) {
    context.refuse(
        rows.label,
        fmt::format("the query of its [[ensure]] does not give {}, which is in the key", absent),
        "have the query give every column of the key");
  }
  return unknown.empty() && absent.empty();
}

/// The rows themselves: keys that are NULL or there twice.
void check_keys(PreflightContext& context, const EnsuredRows& rows) {
  std::vector<std::string> nulls;
  std::vector<std::string> key;
  for (const std::string& name : rows.spec->key) {
    key.push_back("s." + sql::quote_identifier(name));
    nulls.push_back(key.back() + " IS NULL");
  }
  const sql::Result found = context.connection.execute(fmt::format(
      "SELECT {} FROM {} WHERE {}", rows.shown_key("s"), rows.source, join(nulls, " OR ")));
  if (found.rows() > 0) {
    context.refuse(
        rows.label,
        fmt::format("{} rows to be ensured have no key: {}", found.rows(), listed(found)),
        "give each row a value in every column of the key");
  }
  const sql::Result twice =
      context.connection.execute(fmt::format("SELECT {} FROM {} GROUP BY {} HAVING count(*) > 1",
                                             rows.shown_key("s"), rows.source, join(key, ", ")));
  if (twice.rows() > 0) {
    context.refuse(rows.label,
                   fmt::format("rows to be ensured have the same key: {}", listed(twice)),
                   "have the query give each key once (DISTINCT ON, GROUP BY)");
  }
}

/// Rows whose unique value is held by a row under another key. An INSERT that passes over them
/// would leave the job with an organization that does not exist.
void check_unique(PreflightContext& context, const EnsuredRows& rows, const sql::Index& index) {
  if (rows.spec->on_conflict == EnsureConflict::kRename && !renamable_column(rows, index).empty()) {
    return;
  }
  std::vector<std::string> same;
  std::vector<std::string> values;
  for (const std::string& name : index.columns) {
    const std::string quoted = sql::quote_identifier(name);
    same.push_back(fmt::format("o.{0} = s.{0}", quoted));
    values.push_back(fmt::format("{} || s.{}::text", sql::quote_literal(name + " = "), quoted));
  }
  const sql::Result found = context.connection.execute(fmt::format(
      "SELECT {} || ' cannot be inserted: ' || concat_ws(', ', {}) || ' is held by the row ' || {} "
      "FROM {} JOIN {} AS o ON {} WHERE {} ORDER BY 1",
      rows.shown_key("s"), join(values, ", "), rows.shown_key("o"), rows.source,
      rows.table->name.quoted(), join(same, " AND "), rows.missing()));
  if (found.rows() == 0) return;
  context.refuse(rows.label,
                 fmt::format("[[ensure]] meets rows under other keys in the unique index {}: {}",
                             index.name, listed(found)),
                 renamable_column(rows, index).empty()
                     ? "use that row's key in the migration file, or change the row"
                     : "use that row's key in the migration file, change the row, or set "
                       "on_conflict = \"rename\"");
}

void check_one(PreflightContext& context, const EnsureSpec& spec, const sql::Table& table) {
  std::vector<std::string> columns;
  if (!spec.select.empty()) columns = query_columns(context.connection, spec.select);
  const EnsuredRows rows = ensured_rows(spec, table, context.spec.schema, std::move(columns));
  if (!spec.select.empty()) {
    if (!check_columns(context, rows)) return;
    check_keys(context, rows);
  }
  for (const sql::Index* index : conflicting_indexes(rows)) check_unique(context, rows, *index);
}

}  // namespace

void check_ensures(PreflightContext& context) {
  for (const EnsureSpec& spec : context.spec.of<EnsureSpec>()) {
    const sql::Table* table = context.catalog.table(resolve_name(spec.table, context.spec.schema));
    if (table == nullptr) continue;
    const std::string label = table->name.display(context.spec.schema);
    try {
      check_one(context, spec, *table);
    } catch (const sql::Error& error) {
      if (error.connection_lost()) throw;
      context.refuse(
          label,
          fmt::format("the server does not accept its [[ensure]]: {}", error.diagnostics().message),
          spec.select.empty() ? "correct the row in the migration file"
                              : "correct the query in the migration file");
    }
  }
}

}  // namespace pgbackfill::planner
