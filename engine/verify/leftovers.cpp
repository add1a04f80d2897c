#include "engine/verify/leftovers.hpp"

#include "engine/ledger/ledger.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgbackfill::engine {
namespace {

using planner::VerifyContext;

constexpr std::string_view kOurPrefix = "pgbackfill_";
constexpr std::string_view kOurTriggerPrefix = "zzz_pgbackfill";

bool is_ours(std::string_view name) {
  return name.starts_with(kOurPrefix) || name.starts_with(kOurTriggerPrefix);
}

/// Objects of one kind that should be gone, each with what drops it.
struct Leftovers {
  std::string_view kind;
  std::vector<std::string> names;
  std::vector<std::string> drops;

  void add(std::string name, std::string drop) {
    names.push_back(std::move(name));
    drops.push_back(std::move(drop));
  }
};

bool job_under_way(sql::Connection& connection) {
  Ledger ledger(connection);
  if (!ledger.exists()) return false;
  const std::optional<JobRecord> job = ledger.latest_job();
  return job && job->state != "finished";
}

Leftovers leftover_functions(sql::Connection& connection) {
  // A trigger function in the ledger's schema is ours whatever its name.
  const sql::Result result = connection.execute(
      "SELECT p.oid::regprocedure::text FROM pg_proc AS p"
      " JOIN pg_namespace AS n ON n.oid = p.pronamespace"
      " WHERE p.proname ~ '^(pgbackfill_|zzz_pgbackfill)'"
      " OR (n.nspname = 'pgbackfill' AND p.prorettype = 'trigger'::regtype)"
      " ORDER BY 1");
  Leftovers functions{"function", {}, {}};
  for (int row = 0; row < result.rows(); ++row) {
    const std::string name(result.text(row, 0));
    functions.add(name, fmt::format("DROP FUNCTION {};", name));
  }
  return functions;
}

void add_composites(sql::Connection& connection, Leftovers& types) {
  const sql::Result result = connection.execute(
      "SELECT t.oid::regtype::text FROM pg_type AS t JOIN pg_class AS c ON c.oid = t.typrelid"
      " WHERE c.relkind = 'c' AND c.relname ~ '^pgbackfill_' ORDER BY 1");
  for (int row = 0; row < result.rows(); ++row) {
    const std::string name(result.text(row, 0));
    types.add(name, fmt::format("DROP TYPE {};", name));
  }
}

}  // namespace

void check_leftovers(VerifyContext& context) {
  Leftovers columns{"column", {}, {}};
  Leftovers triggers{"trigger", {}, {}};
  Leftovers checks{"check", {}, {}};
  Leftovers types{"type", {}, {}};
  for (const sql::Table& table : context.catalog.tables) {
    const std::string label = table.name.display(context.spec.schema);
    const std::string quoted = table.name.quoted();
    for (const sql::Column& column : table.columns) {
      if (is_ours(column.name)) {
        columns.add(fmt::format("{}.{}", label, column.name),
                    fmt::format("ALTER TABLE {} DROP COLUMN {};", quoted,
                                sql::quote_identifier(column.name)));
      } else if (is_ours(column.type_name.name)) {
        columns.names.push_back(fmt::format("{}.{}", label, column.name));
      }
    }
    for (const std::string& trigger : table.triggers) {
      if (!is_ours(trigger)) continue;
      triggers.add(fmt::format("{} on {}", trigger, label),
                   fmt::format("DROP TRIGGER {} ON {};", sql::quote_identifier(trigger), quoted));
    }
    for (const sql::Check& check : table.checks) {
      if (!is_ours(check.name)) continue;
      checks.add(fmt::format("{} on {}", check.name, label),
                 fmt::format("ALTER TABLE {} DROP CONSTRAINT {};", quoted,
                             sql::quote_identifier(check.name)));
    }
  }
  add_composites(context.connection, types);
  for (const sql::EnumType& type : context.catalog.enums) {
    for (const sql::EnumDomain& domain : type.domains) {
      if (!is_ours(domain.name.name)) continue;
      types.add(domain.name.display(context.spec.schema),
                fmt::format("DROP DOMAIN {};", domain.name.quoted()));
    }
    if (!is_ours(type.name.name)) continue;
    types.add(type.name.display(context.spec.schema),
              fmt::format("DROP TYPE {};", type.name.quoted()));
  }
  Leftovers functions = leftover_functions(context.connection);
  const bool under_way = job_under_way(context.connection);
  for (Leftovers* kind : {&columns, &types, &triggers, &checks, &functions}) {
    // A job that is not at its end needs them, and takes them away by itself.
    if (under_way) kind->drops.clear();
    context.expect("database", fmt::format("no-leftover-{}", kind->kind), kind->names.empty(),
                   fmt::format("{}: {}", under_way ? "of the job under way" : "left behind",
                               fmt::join(kind->names, ", ")),
                   std::move(kind->drops));
  }
}

}  // namespace pgbackfill::engine
