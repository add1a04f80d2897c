#include "planner/operations/tenant/expression_reads.hpp"

#include "sql/statements.hpp"

#include <fmt/format.h>

#include <optional>
#include <string_view>

namespace pgbackfill::planner {

using sql::quote_identifier;

void create_stand_ins(sql::Connection& connection, const JobSpec& spec, const Scope& scope,
                      const std::string& tenant_type, const std::string& expression) {
  connection.execute(
      "SELECT set_config('search_path', 'pg_temp, ' || current_setting('search_path'), true)");
  for (const TableWork& other : scope.tables) {
    const sql::QualifiedName& name = other.table->name;
    if (other.column != nullptr || !mentions_word(expression, name.name)) continue;
    connection.execute(fmt::format("CREATE TEMPORARY TABLE {} (LIKE {}, {} {})",
                                   quote_identifier(name.name), name.quoted(),
                                   quote_identifier(spec.tenant->column), tenant_type));
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

std::optional<ExpressionReads> ask_server(sql::Connection& connection, const JobSpec& spec,
                                          const Scope& scope, const std::string& tenant_type,
                                          const TableWork& work, const std::string& alias) {
  const std::string table = work.table->name.quoted();
  try {
    sql::Transaction undone(connection);
    create_stand_ins(connection, spec, scope, tenant_type, work.source->expression);
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

std::vector<std::string> all_columns(const JobSpec& spec, const sql::Table& table) {
  std::vector<std::string> columns;
  for (const sql::Column& column : table.columns) {
    if (!column.generated && column.name != spec.tenant->column) columns.push_back(column.name);
  }
  return columns;
}

}  // namespace

ExpressionReads expression_reads(sql::Connection& connection, const JobSpec& spec,
                                 const Scope& scope, const std::string& tenant_type,
                                 const TableWork& work) {
  const std::string& name = work.table->name.name;
  // The row goes by the table's name; some expressions call it t.
  auto reads = ask_server(connection, spec, scope, tenant_type, work, quote_identifier(name));
  if (!reads) reads = ask_server(connection, spec, scope, tenant_type, work, "t");
  if (!reads) return {all_columns(spec, *work.table), {"what cannot be told"}};
  std::erase(reads->columns, spec.tenant->column);
  // pg_depend knows nothing of a row as a whole, nor which row of a table a column belongs to.
  if (mentions_whole(work.source->expression, name)) {
    reads->columns = all_columns(spec, *work.table);
    reads->elsewhere.push_back(name);
  }
  return *std::move(reads);
}

}  // namespace pgbackfill::planner
