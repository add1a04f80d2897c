#include "sql/catalog.hpp"
#include "sql/statements.hpp"

#include <utility>

namespace pgbackfill::sql {
namespace {

Dependent dependent_at(const Result& rows, int row) {
  Dependent dependent;
  dependent.kind = rows.text(row, 0);
  dependent.description = rows.text(row, 1);
  if (rows.columns() > 2) {
    dependent.table = {std::string(rows.text(row, 2)), std::string(rows.text(row, 3))};
    dependent.column = rows.text(row, 4);
  }
  if (rows.columns() > 5) dependent.object = rows.text(row, 5);
  return dependent;
}

void append(std::vector<Dependent>& dependents, const Result& rows) {
  for (int row = 0; row < rows.rows(); ++row) dependents.push_back(dependent_at(rows, row));
}

}  // namespace

std::vector<Dependent> read_enum_dependents(Connection& connection, const EnumType& type,
                                            const std::vector<std::string>& old_labels) {
  std::vector<std::string> tables;
  std::vector<std::string> columns;
  for (const EnumColumn& column : type.columns) {
    tables.push_back(column.table.quoted());
    columns.push_back(column.column);
  }
  const std::string table_list = text_array_literal(tables);
  const std::string column_list = text_array_literal(columns);

  std::vector<Dependent> dependents;
  append(dependents, connection.execute(statement("enum_dependents"),
                                        {type.name.quoted(), table_list, column_list}));
  append(dependents,
         connection.execute(statement("enum_column_obstacles"), {table_list, column_list}));
  const std::size_t hard = dependents.size();
  append(dependents,
         connection.execute(statement("enum_function_bodies"),
                            {type.name.name, table_list, text_array_literal(old_labels)}));
  for (std::size_t i = hard; i < dependents.size(); ++i) dependents[i].only_by_text = true;
  return dependents;
}

std::vector<std::string> column_decoration(Connection& connection, const QualifiedName& table,
                                           std::string_view column, std::string_view new_column) {
  const Result rows =
      connection.execute(statement("column_decoration"),
                         {table.quoted(), std::string(column), std::string(new_column)});
  std::vector<std::string> statements;
  for (int row = 0; row < rows.rows(); ++row) statements.emplace_back(rows.text(row, 0));
  return statements;
}

}  // namespace pgbackfill::sql
