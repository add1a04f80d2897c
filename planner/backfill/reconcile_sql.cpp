#include "planner/backfill/reconcile_sql.hpp"

#include <fmt/format.h>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;

/// What identifies a row: its key's columns, else its place.
std::vector<KeyColumn> identity(const TableBackfill& table) {
  return table.key.empty() ? std::vector<KeyColumn>{{"ctid", "tid"}} : table.key;
}

/// Predicate: the row is one of those that the parameters name.
std::string given_rows(const TableBackfill& table) {
  std::string row;
  std::string wanted;
  std::string arrays;
  std::string names;
  int number = 0;
  for (const KeyColumn& key : identity(table)) {
    const std::string separator = number++ == 0 ? "" : ", ";
    row += fmt::format("{}t.{}", separator, quote_identifier(key.name));
    wanted += fmt::format("{}k.k{}::{}", separator, number, key.type);
    arrays += fmt::format("{}${}::text[]", separator, number);
    names += fmt::format("{}k{}", separator, number);
  }
  const std::string rows =
      fmt::format("SELECT {} FROM unnest({}) AS k ({})", wanted, arrays, names);
  // A list of ctids is looked up directly only as an array.
  return table.key.empty() ? fmt::format("{} = ANY (ARRAY({}))", row, rows)
                           : fmt::format("({}) IN ({})", row, rows);
}

}  // namespace

/// OFFSET keeps it from being merged into its query, and computed for each mention.
ValueJoin computed_source(const std::string& expression) {
  return {fmt::format("LATERAL (SELECT {} AS value OFFSET 0)", expression), "true", "s.value"};
}

std::string target(const Assignment& assignment) {
  return fmt::format("t.{}::{}", quote_identifier(assignment.column), assignment.type);
}

std::string key_as_text(const std::vector<KeyColumn>& key) {
  std::string columns;
  for (const KeyColumn& column : key) {
    if (!columns.empty()) columns += ", ";
    columns += fmt::format("t.{}::text", quote_identifier(column.name));
  }
  return columns;
}

std::string find_stale(const TableBackfill& table, const Assignment& assignment,
                       const ValueJoin& source, std::int64_t limit) {
  // The server takes most rows to be distinct, and with a LIMIT of its own the join would be
  // planned for the first few: by the order of an index, row by row.
  return fmt::format(
      "WITH stale AS MATERIALIZED (SELECT {} FROM {} AS t JOIN {} AS s ON {} WHERE {} IS NOT NULL "
      "AND {} IS DISTINCT FROM {}) SELECT * FROM stale LIMIT {}",
      key_as_text(identity(table)), table.table.quoted(), source.from, source.on, source.value,
      target(assignment), source.value, limit);
}

std::string mend_stale(const TableBackfill& table, const Assignment& assignment) {
  return mend_to(table, assignment, assignment.expression) +
         fmt::format(" AND {} IS NOT NULL", assignment.expression);
}

std::string mend_to(const TableBackfill& table, const Assignment& assignment,
                    const std::string& expression) {
  return fmt::format("UPDATE {} AS t SET {} = {} WHERE {} AND {} IS DISTINCT FROM {}",
                     table.table.quoted(), quote_identifier(assignment.column), expression,
                     given_rows(table), target(assignment), expression);
}

std::string count_unsourced(const TableBackfill& table, const Assignment& assignment,
                            const ValueJoin& source) {
  return fmt::format(
      "SELECT count(*) FROM {} AS t LEFT JOIN {} AS s ON {} WHERE {} IS NULL AND {} <> {}::{}",
      table.table.quoted(), source.from, source.on, source.value, target(assignment),
      sql::quote_literal(assignment.otherwise.constant), assignment.type);
}

}  // namespace pgbackfill::planner
