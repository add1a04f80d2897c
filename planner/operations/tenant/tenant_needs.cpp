#include "planner/operations/tenant/tenant_checks.hpp"
#include "planner/values/value_plan.hpp"

#include <string>
#include <vector>

namespace pgbackfill::planner {
void need_tenant_tables(const PreflightContext& context, Needs& needs) {
  need_values(context, context.scope.tables, needs);
  const sql::Table* references = context.catalog.table(context.scope.references);
  if (references == nullptr) return;
  needs.read.insert(references);
  if (context.scope.tables.empty()) return;
  const std::vector<std::string> column{context.spec.tenant->references_column};
  // Without SELECT the server checks foreign keys row by row instead of by a join.
  needs.uses.push_back({references, "REFERENCES", column, "the foreign keys need it"});
  needs.uses.push_back({references, "SELECT", column, "the job reads it"});
}

}  // namespace pgbackfill::planner
