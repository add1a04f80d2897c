#include "planner/preflight/preflight_context.hpp"

#include <fmt/format.h>

#include <map>
#include <utility>

namespace pgbackfill::planner {

namespace {

/// Every relation's name and what has it; read once, as jobs ask for each of their indexes.
std::map<sql::QualifiedName, std::string> names_taken(const PreflightContext& context) {
  std::map<sql::QualifiedName, std::string> names;
  for (const sql::Table& table : context.catalog.tables) {
    names.emplace(table.name, "a table or view of that name");
    for (const sql::Index& index : table.indexes) {
      names.emplace(sql::QualifiedName{table.name.schema, index.name},
                    "an index of table " + table.name.display(context.spec.schema));
    }
  }
  const sql::Result others = context.connection.execute(
      "SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n "
      "ON n.oid = c.relnamespace WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') "
      "AND n.nspname !~ '^pg_(toast|temp)'");
  for (int row = 0; row < others.rows(); ++row) {
    names.emplace(
        sql::QualifiedName{std::string(others.text(row, 0)), std::string(others.text(row, 1))},
        "another relation");
  }
  return names;
}

}  // namespace

std::string holder_of(const PreflightContext& context, const sql::QualifiedName& name) {
  if (!context.names) context.names = names_taken(context);
  const auto found = context.names->find(name);
  return found == context.names->end() ? std::string() : found->second;
}

void refuse_leftover(PreflightContext& context, const std::string& object,
                     const std::string& what) {
  context.refuse(object, fmt::format("{} exists already, under a name that the job needs", what),
                 "rename or drop it");
}

}  // namespace pgbackfill::planner
