#include "planner/operations/convert/convert_work.hpp"
#include "planner/plan/step_builder.hpp"

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
  std::vector<ConvertKey> keys;
  for (ForeignKeyParts& key : foreign_keys_over(connection, tables, columns)) {
    keys.push_back({std::move(key)});
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
  return foreign_key_clause(key, [&](const sql::QualifiedName& table, const std::string& column) {
    const ConvertColumn* converted = shadows ? group.find(table, column) : nullptr;
    return converted != nullptr ? converted->shadow : column;
  });
}

}  // namespace pgbackfill::planner
