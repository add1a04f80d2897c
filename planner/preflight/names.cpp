#include "planner/preflight/preflight_context.hpp"

#include <fmt/format.h>

namespace pgbackfill::planner {

std::string holder_of(const PreflightContext& context, const sql::QualifiedName& name) {
  for (const sql::Table& table : context.catalog.tables) {
    if (table.name == name) return "a table or view of that name";
    if (table.name.schema != name.schema) continue;
    if (table.index(name.name) != nullptr) {
      return "an index of table " + table.name.display(context.spec.schema);
    }
  }
  const sql::Result taken =
      context.connection.execute("SELECT to_regclass($1) IS NOT NULL", {name.quoted()});
  return taken.boolean(0, 0) ? "another relation" : "";
}

void refuse_leftover(PreflightContext& context, const std::string& object,
                     const std::string& what) {
  context.refuse(object, fmt::format("{} exists already, under a name that the job needs", what),
                 "rename or drop it");
}

}  // namespace pgbackfill::planner
