#include "planner/operations/ensure/ensure_checks.hpp"
#include "planner/operations/ensure/ensured_rows.hpp"
#include "planner/spec_resolution.hpp"
#include "planner/verify/verify_context.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pgbackfill::planner {
namespace {

constexpr int kMaxListed = 3;

/// What is missing; empty when nothing is.
std::string missing_rows(VerifyContext& context, const EnsureSpec& spec, const sql::Table& table) {
  sql::Savepoint savepoint(context.connection);
  try {
    std::vector<std::string> columns;
    if (!spec.select.empty()) columns = query_columns(context.connection, spec.select);
    const EnsuredRows rows = ensured_rows(spec, table, context.spec.schema, std::move(columns));
    const sql::Result found = context.connection.execute(
        fmt::format("SELECT {}, count(*) OVER () FROM {} WHERE {} ORDER BY 1 LIMIT {}",
                    rows.shown_key("s"), rows.source, rows.missing(), kMaxListed));
    savepoint.release();
    std::string text;
    for (int i = 0; i < found.rows(); ++i) {
      text += fmt::format("{}{}", i == 0 ? "" : "; ", found.text(i, 0));
    }
    if (found.rows() == 0) return {};
    if (found.integer(0, 1) == 1) return fmt::format("there is no row with {}", text);
    return fmt::format("{} rows are missing, for example {}", found.integer(0, 1), text);
  } catch (const sql::Error& error) {
    if (error.connection_lost()) throw;
    savepoint.roll_back();
    return fmt::format(
        "its rows cannot be asked for any more: {} (a query that names labels of an "
        "enum that the job changes compares them as text: role::text = …)",
        error.diagnostics().message);
  }
}

}  // namespace

void verify_ensured_rows(VerifyContext& context) {
  for (const EnsureSpec& wanted : context.spec.of<EnsureSpec>()) {
    const sql::QualifiedName name = resolve_name(wanted.table, context.spec.schema);
    const sql::Table* table = context.catalog.table(name);
    const std::string defect =
        table == nullptr ? "the table does not exist" : missing_rows(context, wanted, *table);
    context.expect(name.display(context.spec.schema), "ensured-row", defect.empty(), defect);
  }
}

}  // namespace pgbackfill::planner
