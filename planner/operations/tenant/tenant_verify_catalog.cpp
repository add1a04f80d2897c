#include "planner/operations/tenant/tenant_verify.hpp"
#include "planner/scope.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

namespace pgbackfill::planner {
namespace {

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

/// ALTER TABLE with one action, as a statement to copy.
std::string alter(const sql::Table& table, std::string_view action) {
  return fmt::format("ALTER TABLE {} {};", table.name.quoted(), action);
}

/// Without a scan that keeps others waiting.
std::vector<std::string> set_not_null(const sql::Table& table, const std::string& column) {
  const std::string quoted = sql::quote_identifier(column);
  const std::string check = sql::quote_identifier(sql::fit_identifier(column + "_not_null"));
  return {alter(table,
                fmt::format("ADD CONSTRAINT {} CHECK ({} IS NOT NULL) NOT VALID", check, quoted)),
          alter(table, fmt::format("VALIDATE CONSTRAINT {}", check)),
          alter(table, fmt::format("ALTER COLUMN {} SET NOT NULL", quoted)),
          alter(table, fmt::format("DROP CONSTRAINT {}", check))};
}

/// Mends what foreign_key_defect() finds.
std::vector<std::string> mend_foreign_key(const TenantVerify& context, const sql::Table& table) {
  const TenantSpec& tenant = *context.base.spec.tenant;
  const bool restricts = tenant.on_delete == "restrict";
  std::vector<std::string> statements;
  for (const sql::ForeignKey& key : table.foreign_keys) {
    const bool ours = key.columns == std::vector{tenant.column} &&
                      key.referenced == context.references &&
                      key.referenced_columns == std::vector{tenant.references_column};
    if (!ours) continue;
    const std::string name = sql::quote_identifier(key.name);
    if (key.on_delete == (restricts ? 'r' : 'a')) {
      if (!key.validated) return {alter(table, "VALIDATE CONSTRAINT " + name)};
    } else {
      statements.push_back(alter(table, "DROP CONSTRAINT " + name));
    }
  }
  const std::string name = sql::quote_identifier(
      expand_name(tenant.foreign_key, tenant, table.name, context.references));
  // Servers before 18 have no NOT VALID keys of partitioned tables.
  const bool at_once = table.kind == 'p';
  statements.push_back(alter(
      table, fmt::format("ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}){}{}", name,
                         sql::quote_identifier(tenant.column), context.references.quoted(),
                         sql::quote_identifier(tenant.references_column),
                         restricts ? " ON DELETE RESTRICT" : "", at_once ? "" : " NOT VALID")));
  if (!at_once) statements.push_back(alter(table, "VALIDATE CONSTRAINT " + name));
  return statements;
}

std::vector<std::string> mend_index(const sql::Table& table, const sql::Index* index,
                                    const IndexSpec& wanted) {
  // CREATE INDEX CONCURRENTLY and DROP INDEX CONCURRENTLY do not work on partitioned tables.
  const std::string_view manner = table.kind == 'p' ? "" : "CONCURRENTLY ";
  std::vector<std::string> statements;
  if (index != nullptr) {
    const sql::QualifiedName name{table.name.schema, index->name};
    statements.push_back(fmt::format("DROP INDEX {}{};", manner, name.quoted()));
  }
  std::vector<std::string> columns;
  for (const std::string& column : wanted.columns) columns.push_back(sql::quote_identifier(column));
  statements.push_back(fmt::format("CREATE INDEX {}{} ON {} ({});", manner,
                                   sql::quote_identifier(wanted.name), table.name.quoted(),
                                   fmt::join(columns, ", ")));
  return statements;
}

/// What is wrong with the foreign key from the tenant column; empty when nothing is. A second
/// one beside the right one does no harm unless it cascades.
std::string foreign_key_defect(const TenantVerify& context, const sql::Table& table) {
  const TenantSpec& tenant = *context.base.spec.tenant;
  const char wanted = tenant.on_delete == "restrict" ? 'r' : 'a';
  const std::string target = fmt::format(
      "{}({})", context.references.display(context.base.spec.schema), tenant.references_column);
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

std::string index_defect(const sql::Index* index, const IndexSpec& wanted) {
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

void check_indexes(TenantVerify& context, const VerifiedTable& verified) {
  const TenantSpec& tenant = *context.base.spec.tenant;
  const sql::Table& table = *verified.table;
  ValueWork work;
  work.spec = verified.spec;
  work.table = verified.table;
  const std::vector<IndexSpec> wanted_list = wanted_indexes(tenant, work, context.references);
  for (std::size_t i = 0; i < wanted_list.size(); ++i) {
    const IndexSpec& wanted = wanted_list[i];
    const sql::Index* index = table.index(wanted.name);
    std::string defect = index_defect(index, wanted);
    // In place of the default one, an index that was there before the job does as well.
    const bool is_default = i >= verified.spec->indexes.size();
    if (is_default && index == nullptr && leads_an_index(table, tenant.column)) defect.clear();
    context.base.expect(fmt::format("{}.{}", verified.label, wanted.name), "index", defect.empty(),
                        defect, mend_index(table, index, wanted));
  }
}

void check_tenant_column(TenantVerify& context, VerifiedTable& verified) {
  const TenantSpec& tenant = *context.base.spec.tenant;
  const sql::Column* column = verified.table->column(tenant.column);
  const std::string label = fmt::format("{}.{}", verified.label, tenant.column);
  const std::string quoted = sql::quote_identifier(tenant.column);
  const sql::Table& table = *verified.table;
  context.base.expect(label, "column", column != nullptr, "the column does not exist",
                      {alter(table, fmt::format("ADD COLUMN {} {}", quoted, context.tenant_type))});
  if (column == nullptr) return;
  verified.has_tenant_column = true;
  context.base.expect(label, "type", column->type == context.tenant_type,
                      fmt::format("is of type {}, expected {}", column->type, context.tenant_type));
  context.base.expect(
      label, "no-default", !column->default_expression.has_value(),
      fmt::format("still has the default {}", column->default_expression.value_or("")),
      {alter(table, fmt::format("ALTER COLUMN {} DROP DEFAULT", quoted))});
  context.base.expect(label, "not-null", column->not_null, "is not NOT NULL",
                      set_not_null(table, tenant.column));
  const std::string defect = foreign_key_defect(context, table);
  context.base.expect(label, "foreign-key", defect.empty(), defect,
                      mend_foreign_key(context, table));
  check_indexes(context, verified);
}

}  // namespace

void check_tables(TenantVerify& context) {
  for (const TableSpec& wanted : context.base.spec.tables) {
    const sql::QualifiedName name =
        sql::parse_qualified_name(wanted.name, context.base.spec.schema);
    VerifiedTable verified{&wanted, context.base.catalog.table(name),
                           name.display(context.base.spec.schema), false};
    if (verified.table == nullptr && !wanted.required.value_or(true)) continue;
    context.base.expect(verified.label, "table", verified.table != nullptr,
                        "the table does not exist");
    if (verified.table == nullptr) continue;
    if (context.base.spec.tenant) check_tenant_column(context, verified);
    context.tables.push_back(std::move(verified));
  }
}

void note_unnamed_tables(TenantVerify& context) {
  VerifyContext& base = context.base;
  if (!base.spec.tenant) return;
  const std::string& column = base.spec.tenant->column;
  std::set<const sql::Table*> named;
  for (const VerifiedTable& verified : context.tables) named.insert(verified.table);
  for (const sql::Table& table : base.catalog.tables) {
    const bool holds_rows = (table.kind == 'r' || table.kind == 'p') && !table.is_partition;
    if (!holds_rows || table.name.schema != base.spec.schema || named.contains(&table) ||
        table.name == context.references) {
      continue;
    }
    const std::string label = table.name.display(base.spec.schema);
    if (table.column(column) != nullptr) {
      base.report.unnamed.push_back(
          {"tenant-column", label, fmt::format("has {}, which nothing checks", column)});
    } else {
      base.report.unnamed.push_back({"table", label, fmt::format("has no {}", column)});
    }
  }
}

}  // namespace pgbackfill::planner
