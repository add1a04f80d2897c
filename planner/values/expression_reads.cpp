#include "planner/values/expression_reads.hpp"

#include "sql/statements.hpp"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <string_view>

namespace pgbackfill::planner {

using sql::quote_identifier;

void create_stand_ins(sql::Connection& connection, const Scope& scope,
                      const std::string& expression) {
  connection.execute(
      "SELECT set_config('search_path', 'pg_temp, ' || current_setting('search_path'), true)");
  std::map<const sql::Table*, std::string> missing;
  for (const ValueWork* other : scope.values()) {
    if (other->column != nullptr || !mentions_word(expression, other->table->name.name)) continue;
    missing[other->table] +=
        fmt::format(", NULL::{} AS {}", other->type, quote_identifier(other->name));
  }
  for (const auto& [table, columns] : missing) {
    connection.execute(fmt::format("CREATE TEMPORARY VIEW {} AS SELECT t.*{} FROM {} AS t",
                                   quote_identifier(table->name.name), columns,
                                   table->name.quoted()));
  }
}

namespace {

/// The word stands somewhere without a dot behind it: the row as a whole, or the table again.
bool mentions_whole(std::string_view text, std::string_view word) {
  for (std::size_t at = text.find(word); at != std::string_view::npos;
       at = text.find(word, at + word.size())) {
    std::size_t next = text.find_first_not_of(" \t\n\"", at + word.size());
    if (mentions_word(text.substr(at == 0 ? 0 : at - 1, word.size() + 2), word) &&
        (next == std::string_view::npos || text[next] != '.')) {
      return true;
    }
  }
  return false;
}

std::optional<ExpressionReads> ask_server(sql::Connection& connection, const Scope& scope,
                                          const ValueWork& work, const std::string& alias) {
  const std::string table = work.table->name.quoted();
  try {
    sql::Transaction undone(connection);
    create_stand_ins(connection, scope, work.source->expression);
    connection.execute(
        fmt::format("CREATE TEMPORARY VIEW pgbackfill_reads AS SELECT ({}) AS value FROM {} AS {}",
                    work.source->expression, table, alias));
    const sql::Result rows = connection.execute(sql::statement("expression_reads"), {table});
    ExpressionReads reads;
    for (int row = 0; row < rows.rows(); ++row) {
      (rows.boolean(row, 0) ? reads.columns : reads.elsewhere).emplace_back(rows.text(row, 1));
    }
    return reads;
  } catch (const sql::Error& error) {
    if (error.connection_lost()) throw;
    return std::nullopt;
  }
}

std::vector<std::string> all_columns(const ValueWork& work) {
  std::vector<std::string> columns;
  for (const sql::Column& column : work.table->columns) {
    if (!column.generated && column.name != work.name) columns.push_back(column.name);
  }
  return columns;
}

}  // namespace

ExpressionReads expression_reads(sql::Connection& connection, const Scope& scope,
                                 const ValueWork& work) {
  const std::string& name = work.table->name.name;
  // The row goes by the table's name; some expressions call it t.
  auto reads = ask_server(connection, scope, work, quote_identifier(name));
  if (!reads) reads = ask_server(connection, scope, work, "t");
  if (!reads) return {all_columns(work), {"what cannot be told"}};
  std::erase(reads->columns, work.name);
  // pg_depend knows nothing of a row as a whole, nor which row of a table a column belongs to.
  if (mentions_whole(work.source->expression, name)) {
    reads->columns = all_columns(work);
    reads->elsewhere.push_back(name);
  }
  return *std::move(reads);
}

}  // namespace pgbackfill::planner
