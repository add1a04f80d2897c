#include "planner/operations/unique/unique_checks.hpp"
#include "planner/operations/unique/unique_spec.hpp"
#include "planner/spec_resolution.hpp"
#include "planner/verify/verify_context.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace pgbackfill::planner {
namespace {

void expect_key(VerifyContext& context, const UniqueSpec& unique, const sql::Table& table,
                const std::string& object) {
  const std::vector<std::string> key = tenant_key(context.spec, unique);
  context.expect(object, "unique-in-tenant", unique_over(table, key) != nullptr,
                 fmt::format("no unique key over ({})", fmt::join(key, ", ")));
  const sql::Index* old_key = unique_over(table, unique.columns);
  context.expect(object, "no-global-key", old_key == nullptr,
                 fmt::format("{} is unique over all organizations, so that one sees which values "
                             "another has",
                             old_key == nullptr ? "" : old_key->name));
}

void expect_unshared(VerifyContext& context, const UniqueSpec& unique, const sql::Table& table,
                     const std::string& object) {
  std::vector<std::string> columns;
  std::vector<std::string> known;
  for (const std::string& name : unique.columns) {
    columns.push_back(qualified_column("t", name));
    known.push_back(columns.back() + " IS NOT NULL");
  }
  const std::string shared = describe_rows(
      context.connection,
      fmt::format(
          "(SELECT {} FROM {} AS t WHERE {} GROUP BY {} HAVING count(DISTINCT {}) > 1) AS t",
          fmt::join(columns, ", "), table.name.quoted(), fmt::join(known, " AND "),
          fmt::join(columns, ", "), qualified_column("t", context.spec.tenant->column)),
      fmt::format("concat_ws(', ', {})", fmt::join(columns, ", ")));
  context.expect(object, "not-shared", shared.empty(),
                 "values that several organizations have: " + shared);
}

}  // namespace

void verify_uniques(VerifyContext& context) {
  if (!context.spec.tenant) return;
  for (const UniqueSpec& unique : context.spec.of<UniqueSpec>()) {
    const sql::Table* table =
        context.catalog.table(resolve_name(unique.table, context.spec.schema));
    if (table == nullptr || table->column(context.spec.tenant->column) == nullptr) continue;
    const bool known =
        std::all_of(unique.columns.begin(), unique.columns.end(),
                    [&](const std::string& name) { return table->column(name) != nullptr; });
    const std::string object = fmt::format("{} ({})", table->name.display(context.spec.schema),
                                           fmt::join(unique.columns, ", "));
    context.expect(object, "column", known, "a column of the key does not exist");
    if (!known) continue;
    if (unique.per_tenant) {
      expect_key(context, unique, *table, object);
    } else {
      expect_unshared(context, unique, *table, object);
    }
  }
}

}  // namespace pgbackfill::planner
