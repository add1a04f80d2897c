#include "planner/plan/foreign_keys.hpp"

#include "planner/plan/step_builder.hpp"
#include "sql/statements.hpp"

#include <fmt/format.h>

namespace pgbackfill::planner {

std::vector<ForeignKeyParts> foreign_keys_over(sql::Connection& connection,
                                               const std::vector<std::string>& tables,
                                               const std::vector<std::string>& columns) {
  if (tables.empty()) return {};
  const sql::Result rows =
      connection.execute(sql::statement("foreign_keys_over"),
                         {sql::text_array_literal(tables), sql::text_array_literal(columns)});
  std::vector<ForeignKeyParts> keys;
  const auto text = [&](int row, int column) { return std::string(rows.text(row, column)); };
  for (int i = 0; i < rows.rows(); ++i) {
    ForeignKeyParts key;
    key.name = text(i, 0);
    key.table = {text(i, 1), text(i, 2)};
    key.referenced = {text(i, 3), text(i, 4)};
    key.columns = rows.text_array(i, 5);
    key.referenced_columns = rows.text_array(i, 6);
    key.cleared = rows.text_array(i, 7);
    key.match_and_update = text(i, 8);
    key.on_delete = text(i, 9);
    key.deferrable = text(i, 10);
    key.validated = rows.boolean(i, 11);
    key.comment = rows.optional_text(i, 12);
    key.object = text(i, 13);
    keys.push_back(std::move(key));
  }
  return keys;
}

std::string foreign_key_clause(const ForeignKeyParts& key, const ColumnNaming& naming) {
  const auto names = [&](const sql::QualifiedName& table, std::vector<std::string> columns) {
    for (std::string& column : columns) column = naming(table, column);
    return quoted_list(columns);
  };
  std::string clause =
      fmt::format("FOREIGN KEY ({}) REFERENCES {} ({}){}{}", names(key.table, key.columns),
                  key.referenced.quoted(), names(key.referenced, key.referenced_columns),
                  key.match_and_update, key.on_delete);
  if (!key.cleared.empty()) clause += fmt::format(" ({})", names(key.table, key.cleared));
  return clause + key.deferrable;
}

}  // namespace pgbackfill::planner
