#include "engine/verify/verifier.hpp"

#include "engine/verify/verifier_checks.hpp"

#include <algorithm>
#include <utility>

namespace pgbackfill::engine {

bool VerifyReport::passed() const noexcept {
  return std::all_of(checks.begin(), checks.end(),
                     [](const VerifyCheck& check) { return check.passed; });
}

void VerifyContext::expect(std::string object, std::string_view name, bool passed,
                           std::string message) {
  report.checks.push_back(
      {std::move(object), std::string(name), passed, passed ? std::string() : std::move(message)});
}

VerifyReport verify(const planner::JobSpec& spec, sql::Connection& connection) {
  VerifyReport report;
  const sql::Catalog catalog = sql::read_catalog(connection);
  const sql::Transaction transaction(connection,
                                     "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
  VerifyContext context{spec, catalog, connection, report, {}, {}, {}};
  if (spec.tenant) {
    context.references = sql::parse_qualified_name(spec.tenant->references_table, spec.schema);
    context.tenant_type = canonical_type(connection, spec.tenant->type);
  }
  check_tables(context);
  check_rows(context);
  check_foreign_key_agreement(context);
  check_ensured_rows(context);
  check_enums(context);
  check_leftovers(context);
  return report;
}

}  // namespace pgbackfill::engine
