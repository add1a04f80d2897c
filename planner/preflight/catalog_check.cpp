#include "planner/preflight/catalog_check.hpp"

#include "planner/file/nearest_name.hpp"
#include "planner/operations/operation.hpp"
#include "planner/preflight/preflight.hpp"
#include "planner/scope.hpp"
#include "planner/sql_type.hpp"

namespace pgbackfill::planner {

bool holds_rows(const sql::Table& table) { return table.kind == 'r' || table.kind == 'p'; }

const sql::Table* CatalogCheck::need_table(const std::string& written, const Position& position,
                                           std::string_view what) {
  const sql::QualifiedName name = resolve_name(written, spec.schema);
  const sql::Table* table = catalog.table(name);
  if (table == nullptr) {
    report(position, "{} \"{}\" does not exist in database \"{}\"{}", what, written,
           catalog.database, elsewhere(name));
    return nullptr;
  }
  if (!holds_rows(*table)) {
    report(position, "{} \"{}\" is {}, not a table", what, written, kind_of(table->kind));
    return nullptr;
  }
  return table;
}

// Where a table of the same name is, or one of nearly the same.
std::string CatalogCheck::elsewhere(const sql::QualifiedName& name) const {
  std::vector<std::string> names;
  for (const sql::Table& table : catalog.tables) {
    if (table.name.name == name.name) {
      return fmt::format("; there is \"{}.{}\"", table.name.schema, table.name.name);
    }
    if (table.name.schema == name.schema) names.push_back(table.name.name);
  }
  return did_you_mean(name.name, names);
}

const sql::Column* CatalogCheck::need_column(const sql::Table& table, const std::string& name,
                                             const Position& position, std::string_view what) {
  if (const sql::Column* column = table.column(name)) return column;
  std::vector<std::string> names;
  for (const sql::Column& column : table.columns) names.push_back(column.name);
  report(position, "{}: table \"{}\" has no column \"{}\"{}", what, shown(table), name,
         did_you_mean(name, names));
  return nullptr;
}

std::string CatalogCheck::final_type(const sql::Table& table, const sql::Column& column) const {
  for (const Operation* operation : operations()) {
    if (auto type = operation->final_type(spec, table, column)) return *type;
  }
  return normalise_type(column.type);
}

std::vector<SpecError> check_against_catalog(const JobSpec& spec, const sql::Catalog& catalog) {
  CatalogCheck check(spec, catalog);
  for (const Operation* operation : operations()) operation->check_catalog(check);
  return std::move(check.errors);
}

}  // namespace pgbackfill::planner
