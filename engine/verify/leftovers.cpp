#include "engine/verify/leftovers.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <vector>

namespace pgbackfill::engine {
namespace {

using planner::VerifyContext;

constexpr std::string_view kOurPrefix = "pgbackfill_";
constexpr std::string_view kOurTriggerPrefix = "zzz_pgbackfill";

bool is_ours(std::string_view name) {
  return name.starts_with(kOurPrefix) || name.starts_with(kOurTriggerPrefix);
}

void expect_none(VerifyContext& context, std::string_view kind,
                 const std::vector<std::string>& found) {
  context.expect("database", fmt::format("no-leftover-{}", kind), found.empty(),
                 fmt::format("left behind: {}", fmt::join(found, ", ")));
}

std::vector<std::string> leftover_functions(sql::Connection& connection) {
  // A trigger function in the ledger's schema is ours whatever its name.
  const sql::Result result = connection.execute(
      "SELECT p.oid::regprocedure::text FROM pg_proc AS p"
      " JOIN pg_namespace AS n ON n.oid = p.pronamespace"
      " WHERE p.proname ~ '^(pgbackfill_|zzz_pgbackfill)'"
      " OR (n.nspname = 'pgbackfill' AND p.prorettype = 'trigger'::regtype)"
      " ORDER BY 1");
  std::vector<std::string> names;
  for (int row = 0; row < result.rows(); ++row) names.emplace_back(result.text(row, 0));
  return names;
}

}  // namespace

void check_leftovers(VerifyContext& context) {
  std::vector<std::string> columns;
  std::vector<std::string> triggers;
  std::vector<std::string> checks;
  std::vector<std::string> types;
  for (const sql::Table& table : context.catalog.tables) {
    const std::string label = table.name.display(context.spec.schema);
    for (const sql::Column& column : table.columns) {
      if (is_ours(column.name) || is_ours(column.type_name.name)) {
        columns.push_back(fmt::format("{}.{}", label, column.name));
      }
    }
    for (const std::string& trigger : table.triggers) {
      if (is_ours(trigger)) triggers.push_back(fmt::format("{} on {}", trigger, label));
    }
    for (const sql::Check& check : table.checks) {
      if (is_ours(check.name)) checks.push_back(fmt::format("{} on {}", check.name, label));
    }
  }
  for (const sql::EnumType& type : context.catalog.enums) {
    if (is_ours(type.name.name)) types.push_back(type.name.display(context.spec.schema));
  }
  expect_none(context, "column", columns);
  expect_none(context, "type", types);
  expect_none(context, "trigger", triggers);
  expect_none(context, "check", checks);
  expect_none(context, "function", leftover_functions(context.connection));
}

}  // namespace pgbackfill::engine
