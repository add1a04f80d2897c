#include "planner/operations/convert/convert_work.hpp"
#include "planner/plan/step_builder.hpp"
#include "sql/statements.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace pgbackfill::planner {
namespace {

/// The tables of the scope, each a group of its own.
std::vector<ConvertGroup> single_tables(const Scope& scope) {
  std::vector<ConvertGroup> groups;
  for (const ConvertColumn& column : scope.of<ConvertColumn>()) {
    auto found = std::find_if(groups.begin(), groups.end(), [&](const ConvertGroup& group) {
      return group.tables.front().table == column.table;
    });
    if (found == groups.end()) {
      found = groups.insert(groups.end(), {{{column.table, column.label, {}}}, {}});
    }
    found->tables.front().columns.push_back(&column);
  }
  return groups;
}

bool holds(const ConvertGroup& group, const sql::QualifiedName& table) {
  return std::any_of(group.tables.begin(), group.tables.end(),
                     [&](const ConvertTable& one) { return one.table->name == table; });
}

}  // namespace

std::string ConvertKey::shadow_name() const {
  return sql::fit_identifier("pgbackfill_conv_" + name);
}

std::vector<ConvertKey> read_convert_keys(sql::Connection& connection, const Scope& scope) {
  std::vector<std::string> tables;
  std::vector<std::string> columns;
  for (const ConvertColumn& column : scope.of<ConvertColumn>()) {
    tables.push_back(column.table->name.quoted());
    columns.push_back(column.column->name);
  }
  const sql::Result rows =
      connection.execute(sql::statement("convert_foreign_keys"),
                         {sql::text_array_literal(tables), sql::text_array_literal(columns)});
  std::vector<ConvertKey> keys;
  const auto text = [&](int row, int column) { return std::string(rows.text(row, column)); };
  for (int i = 0; i < rows.rows(); ++i) {
    ConvertKey key;
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
    keys.push_back(std::move(key));
  }
  return keys;
}

std::vector<ConvertGroup> convert_groups(sql::Connection& connection, const Scope& scope) {
  std::vector<ConvertGroup> groups = single_tables(scope);
  for (ConvertKey& key : read_convert_keys(connection, scope)) {
    const auto of = [&](const sql::QualifiedName& table) {
      return std::find_if(groups.begin(), groups.end(),
                          [&](const ConvertGroup& group) { return holds(group, table); });
    };
    auto one = of(key.table);
    auto other = of(key.referenced);
    if (one == groups.end() || other == groups.end()) continue;
    if (other < one) std::swap(one, other);
    one->keys.push_back(std::move(key));
    if (one == other) continue;
    std::move(other->tables.begin(), other->tables.end(), std::back_inserter(one->tables));
    std::move(other->keys.begin(), other->keys.end(), std::back_inserter(one->keys));
    groups.erase(other);
  }
  return groups;
}

std::string foreign_key_clause(const ConvertGroup& group, const ConvertKey& key, bool shadows) {
  const auto names = [&](const sql::QualifiedName& table, std::vector<std::string> columns) {
    for (std::string& column : columns) {
      const ConvertColumn* converted = shadows ? group.find(table, column) : nullptr;
      if (converted != nullptr) column = converted->shadow;
    }
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
