#include "engine/verify/verifier_checks.hpp"
#include "planner/scope.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace pgbackfill::engine {
namespace {

constexpr std::string_view kOurPrefix = "pgbackfill_";
constexpr std::string_view kOurTriggerPrefix = "zzz_pgbackfill";

std::string_view delete_action(char code) {
  switch (code) {
    case 'a':
      return "NO ACTION";
    case 'r':
      return "RESTRICT";
    case 'c':
      return "CASCADE";
    case 'n':
      return "SET NULL";
    case 'd':
      return "SET DEFAULT";
    default:
      return "an unknown action";
  }
}

bool removes_rows_or_values(char on_delete) {
  return on_delete == 'c' || on_delete == 'n' || on_delete == 'd';
}

/// What is wrong with the foreign key from the tenant column; empty when nothing is. A second
/// one beside the right one does no harm unless it cascades.
std::string foreign_key_defect(const VerifyContext& context, const sql::Table& table) {
  const planner::TenantSpec& tenant = *context.spec.tenant;
  const char wanted = tenant.on_delete == "restrict" ? 'r' : 'a';
  const std::string target = fmt::format("{}({})", context.references.display(context.spec.schema),
                                         tenant.references_column);
  std::string nearest = fmt::format("no foreign key from {} to {}", tenant.column, target);
  bool good = false;
  for (const sql::ForeignKey& key : table.foreign_keys) {
    const bool ours = key.columns == std::vector{tenant.column} &&
                      key.referenced == context.references &&
                      key.referenced_columns == std::vector{tenant.references_column};
    if (!ours) continue;
    const bool right_action = key.on_delete == wanted;
    if (!right_action) {
      nearest = fmt::format("foreign key {} to {} has ON DELETE {}, expected {}", key.name, target,
                            delete_action(key.on_delete), delete_action(wanted));
      if (removes_rows_or_values(key.on_delete)) return nearest;
    } else if (!key.validated) {
      nearest = fmt::format("foreign key {} to {} is NOT VALID", key.name, target);
    }
    good = good || (right_action && key.validated);
  }
  return good ? std::string() : nearest;
}

std::string index_defect(const sql::Index* index, const planner::IndexSpec& wanted) {
  if (index == nullptr) {
    return fmt::format("missing, expected over ({})", fmt::join(wanted.columns, ", "));
  }
  if (!index->valid) return "exists but is invalid (an interrupted build)";
  if (index->columns != wanted.columns) {
    return fmt::format("covers ({}), expected ({})", fmt::join(index->columns, ", "),
                       fmt::join(wanted.columns, ", "));
  }
  if (index->partial) return "is partial, expected to cover every row";
  return {};
}

bool leads_an_index(const sql::Table& table, const std::string& column) {
  return std::any_of(table.indexes.begin(), table.indexes.end(), [&](const sql::Index& index) {
    return index.valid && !index.partial && !index.columns.empty() &&
           index.columns.front() == column;
  });
}

void check_indexes(VerifyContext& context, const VerifiedTable& verified) {
  const planner::TenantSpec& tenant = *context.spec.tenant;
  const sql::Table& table = *verified.table;
  planner::TableWork work;
  work.spec = verified.spec;
  work.table = verified.table;
  const std::vector<planner::IndexSpec> wanted_indexes =
      planner::wanted_indexes(tenant, work, context.references);
  for (std::size_t i = 0; i < wanted_indexes.size(); ++i) {
    const planner::IndexSpec& wanted = wanted_indexes[i];
    const sql::Index* index = table.index(wanted.name);
    std::string defect = index_defect(index, wanted);
    // In place of the default one, an index that was there before the job does as well.
    const bool is_default = i >= verified.spec->indexes.size();
    if (is_default && index == nullptr && leads_an_index(table, tenant.column)) defect.clear();
    context.expect(fmt::format("{}.{}", verified.label, wanted.name), "index", defect.empty(),
                   defect);
  }
}

void check_tenant_column(VerifyContext& context, VerifiedTable& verified) {
  const planner::TenantSpec& tenant = *context.spec.tenant;
  const sql::Column* column = verified.table->column(tenant.column);
  const std::string label = fmt::format("{}.{}", verified.label, tenant.column);
  context.expect(label, "column", column != nullptr, "the column does not exist");
  if (column == nullptr) return;
  verified.has_tenant_column = true;
  context.expect(label, "type", column->type == context.tenant_type,
                 fmt::format("is of type {}, expected {}", column->type, context.tenant_type));
  context.expect(label, "no-default", !column->default_expression.has_value(),
                 fmt::format("still has the default {}", column->default_expression.value_or("")));
  context.expect(label, "not-null", column->not_null, "is not NOT NULL");
  const std::string defect = foreign_key_defect(context, *verified.table);
  context.expect(label, "foreign-key", defect.empty(), defect);
  check_indexes(context, verified);
}

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

std::string canonical_type(sql::Connection& connection, const std::string& type) {
  // A regtype has no type modifier, so that part is put back by hand.
  const std::size_t open = type.find('(');
  const std::size_t close = open == std::string::npos ? open : type.find(')', open);
  std::string base = type;
  std::string modifier;
  if (close != std::string::npos) {
    modifier = type.substr(open, close - open + 1);
    modifier.erase(std::remove(modifier.begin(), modifier.end(), ' '), modifier.end());
    base.erase(open, close - open + 1);
  }
  const sql::Result result = connection.execute("SELECT to_regtype($1)::text", {base});
  return result.is_null(0, 0) ? type : std::string(result.text(0, 0)) + modifier;
}

void check_tables(VerifyContext& context) {
  for (const planner::TableSpec& wanted : context.spec.tables) {
    const sql::QualifiedName name = sql::parse_qualified_name(wanted.name, context.spec.schema);
    VerifiedTable verified{&wanted, context.catalog.table(name), name.display(context.spec.schema),
                           false};
    if (verified.table == nullptr && !wanted.required.value_or(true)) continue;
    context.expect(verified.label, "table", verified.table != nullptr, "the table does not exist");
    if (verified.table == nullptr) continue;
    if (context.spec.tenant) check_tenant_column(context, verified);
    context.tables.push_back(std::move(verified));
  }
}

void check_enums(VerifyContext& context) {
  for (const planner::EnumSpec& wanted : context.spec.enums) {
    const sql::QualifiedName name = sql::parse_qualified_name(wanted.type, context.spec.schema);
    const std::string label = name.display(context.spec.schema);
    const sql::EnumType* type = context.catalog.enum_type(name);
    context.expect(label, "type", type != nullptr, "the enum type does not exist");
    if (type == nullptr) continue;
    std::vector<std::string> found = type->labels;
    std::vector<std::string> expected = wanted.values;
    if (!wanted.strict_order) {
      std::sort(found.begin(), found.end());
      std::sort(expected.begin(), expected.end());
    }
    context.expect(
        label, "labels", found == expected,
        fmt::format("has the labels {}, expected {}{}", fmt::join(type->labels, ", "),
                    fmt::join(wanted.values, ", "), wanted.strict_order ? " in this order" : ""));
  }
}

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
