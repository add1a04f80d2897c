#include "planner/operations/column/column_checks.hpp"
#include "planner/preflight/catalog_check.hpp"
#include "planner/scope.hpp"
#include "planner/sql_type.hpp"
#include "planner/values/check_lookup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>

namespace pgbackfill::planner {
namespace {

/// What the tables of the job get is there when their parents are read.
bool will_have(const JobSpec& spec, const sql::Table& table, const std::string& name) {
  const auto is_table = [&](const std::string& written) {
    return resolve_name(written, spec.schema) == table.name;
  };
  const bool tenant = spec.tenant && spec.tenant->column == name &&
                      std::any_of(spec.tables.begin(), spec.tables.end(),
                                  [&](const TableSpec& other) { return is_table(other.name); });
  return tenant ||
         std::any_of(spec.columns.begin(), spec.columns.end(), [&](const ColumnSpec& other) {
           return is_table(other.table) && other.name == name;
         });
}

void check_parent(CatalogCheck& check, const ColumnSpec& spec, const sql::Table& table) {
  const std::string what = fmt::format("[[column]] \"{}\" value", spec.name);
  const sql::Column* via =
      check.need_column(table, spec.value.key, spec.value.position, what + " via");
  const sql::Table* parent =
      check.need_table(spec.value.parent, spec.value.position, what + " parent");
  if (parent == nullptr) return;
  const std::string& wanted = spec.value.column.empty() ? spec.name : spec.value.column;
  if (!will_have(check.spec, *parent, wanted)) {
    check.need_column(*parent, wanted, spec.value.position, what + " column");
  }
  if (via == nullptr) return;
  const auto key = parent_key(table, via->name, *parent);
  const sql::Column* referenced = key ? parent->column(*key) : nullptr;
  if (referenced == nullptr) {
    check.report(spec.value.position,
                 "{}: cannot tell which column of \"{}\" \"{}\" refers to: it has no foreign key "
                 "there, and the parent no primary key of one column",
                 what, spec.value.parent, via->name);
  } else if (!same_family(normalise_type(via->type), normalise_type(referenced->type))) {
    check.report(spec.value.position, "{}: \"{}\" is {}, but \"{}({})\", which it refers to, is {}",
                 what, via->name, via->type, spec.value.parent, *key, referenced->type);
  }
}

void check_one(CatalogCheck& check, const ColumnSpec& spec,
               std::map<std::string, std::vector<LookupUser>>& users) {
  const sql::Table* table = check.need_table(spec.table, spec.position, "[[column]] table");
  if (table == nullptr) return;
  const sql::Column* column = table->column(spec.name);
  if (column == nullptr && spec.type.empty()) {
    check.report(spec.position,
                 "[[column]] \"{}\" needs the key \"type\": table \"{}\" has no such "
                 "column yet",
                 spec.name, spec.table);
  }
  if (column != nullptr && !spec.type.empty()) {
    const std::string type = check.final_type(*table, *column);
    if (type != normalise_type(spec.type)) {
      check.report(spec.position,
                   "[[column]] \"{}\": table \"{}\" has it already, of type {} "
                   "instead of {}",
                   spec.name, spec.table, type, normalise_type(spec.type));
    }
  }
  if (spec.value.kind == SourceKind::kParent) check_parent(check, spec, *table);
  if (spec.value.kind == SourceKind::kLookup) {
    const sql::Column* key =
        check.need_column(*table, spec.value.key, spec.value.position,
                          fmt::format("[[column]] \"{}\" value key", spec.name));
    if (key != nullptr) {
      users[spec.value.lookup].push_back(
          {spec.table, key->name, normalise_type(key->type), spec.value.position});
    }
  }
}

std::string type_of(const CatalogCheck& check, const ColumnSpec& spec) {
  if (!spec.type.empty()) return normalise_type(spec.type);
  const sql::Table* table = check.catalog.table(resolve_name(spec.table, check.spec.schema));
  const sql::Column* column = table == nullptr ? nullptr : table->column(spec.name);
  return column == nullptr ? "text" : normalise_type(column->type);
}

/// All that take values from one lookup must be of one type, for its copy in the ledger has one.
void check_types_agree(CatalogCheck& check, const LookupSpec& lookup, const std::string& type) {
  const auto differs = [&](const std::string& other, const Position& position,
                           const std::string& user) {
    if (other == type) return;
    check.report(position, "lookup \"{}\" gives {} to others and {} to {}; use two lookups",
                 lookup.name, type, other, user);
  };
  for (const ColumnSpec& column : check.spec.columns) {
    if (column.value.lookup == lookup.name) {
      differs(type_of(check, column), column.value.position, column.table + "." + column.name);
    }
  }
  for (const TableSpec& table : check.spec.tables) {
    const ValueSource* value = effective_value(check.spec, table);
    if (value != nullptr && value->lookup == lookup.name) {
      differs(normalise_type(check.spec.tenant->type), value->position, table.name);
    }
  }
}

}  // namespace

void check_column_catalog(CatalogCheck& check) {
  std::map<std::string, std::vector<LookupUser>> users;
  for (const ColumnSpec& column : check.spec.columns) check_one(check, column, users);
  for (const auto& [name, of_lookup] : users) {
    const LookupSpec* lookup = check.spec.lookup(name);
    if (lookup == nullptr) continue;
    const auto first =
        std::find_if(check.spec.columns.begin(), check.spec.columns.end(),
                     [&](const ColumnSpec& column) { return column.value.lookup == lookup->name; });
    const std::string type = type_of(check, *first);
    check_lookup(check.spec, *lookup, of_lookup, type, check.errors);
    check_types_agree(check, *lookup, type);
  }
}

}  // namespace pgbackfill::planner
