#include "engine/verify/verifier_checks.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace pgbackfill::engine {
namespace {

constexpr int kMaxOrganizations = 1000;
constexpr int kExamples = 3;

std::string qualified_column(std::string_view alias, std::string_view column) {
  return fmt::format("{}.{}", alias, sql::quote_identifier(column));
}

/// The row's key as readable text: "booking_id=17", or its ctid where the table has no key.
std::string key_expression(const sql::Table& table, std::string_view alias) {
  const sql::Index* key = table.row_key();
  if (key == nullptr) return fmt::format("'ctid=' || {}.ctid::text", alias);
  std::vector<std::string> parts;
  for (const std::string& column : key->columns) {
    parts.push_back(fmt::format("{} || {}::text", sql::quote_literal(column + "="),
                                qualified_column(alias, column)));
  }
  return fmt::format("concat_ws(', ', {})", fmt::join(parts, ", "));
}

/// Count of rows of `from_where`, with up to three example keys; empty when there are none.
std::string describe_rows(sql::Connection& connection, const std::string& from_where,
                          const std::string& key) {
  const std::int64_t count = connection.execute("SELECT count(*) FROM " + from_where).integer(0, 0);
  if (count == 0) return {};
  const sql::Result result =
      connection.execute(fmt::format("SELECT {} FROM {} LIMIT {}", key, from_where, kExamples));
  std::vector<std::string> examples;
  for (int row = 0; row < result.rows(); ++row) {
    examples.push_back(fmt::format("({})", result.text(row, 0)));
  }
  return fmt::format("{} row{}, for example {}", count, count == 1 ? "" : "s",
                     fmt::join(examples, ", "));
}

/// One scan answers how many rows each organization has and how many have none.
void count_rows(VerifyContext& context, const VerifiedTable& verified) {
  const std::string column = qualified_column("t", context.spec.tenant->column);
  const sql::Result result = context.connection.execute(
      fmt::format("SELECT {0}::text, count(*), sum(count(*)) OVER (),"
                  " coalesce(sum(count(*)) FILTER (WHERE {0} IS NULL) OVER (), 0)"
                  " FROM {1} AS t GROUP BY {0} ORDER BY 2 DESC, 1 LIMIT {2}",
                  column, verified.table->name.quoted(), kMaxOrganizations + 1));
  VerifyReport::TableCounts counts{verified.label, {}, 0};
  std::int64_t nulls = 0;
  if (result.rows() > 0) {
    counts.total = result.integer(0, 2);
    nulls = result.integer(0, 3);
  }
  for (int row = 0; row < result.rows(); ++row) {
    if (result.is_null(row, 0)) continue;
    if (counts.organizations.size() == static_cast<std::size_t>(kMaxOrganizations)) break;
    counts.organizations.emplace_back(result.text(row, 0), result.integer(row, 1));
  }
  context.expect(fmt::format("{}.{}", verified.label, context.spec.tenant->column), "no-null",
                 nulls == 0, fmt::format("{} of {} rows are NULL", nulls, counts.total));
  context.report.counts.push_back(std::move(counts));
}

bool has_valid_foreign_key(const VerifyContext& context, const sql::Table& table) {
  return std::any_of(table.foreign_keys.begin(), table.foreign_keys.end(),
                     [&](const sql::ForeignKey& key) {
                       return key.validated && key.referenced == context.references &&
                              key.columns == std::vector{context.spec.tenant->column};
                     });
}

/// Without a valid foreign key nothing else says that the values mean something.
void check_organizations_exist(VerifyContext& context, const VerifiedTable& verified) {
  const planner::TenantSpec& tenant = *context.spec.tenant;
  const sql::Table* organizations = context.catalog.table(context.references);
  if (organizations == nullptr || organizations->column(tenant.references_column) == nullptr) {
    return;
  }
  const std::string column = qualified_column("t", tenant.column);
  const std::string from_where = fmt::format(
      "{} AS t WHERE {} IS NOT NULL AND NOT EXISTS (SELECT FROM {} AS o WHERE {}::text = {}::text)",
      verified.table->name.quoted(), column, context.references.quoted(),
      qualified_column("o", tenant.references_column), column);
  const std::string defect =
      describe_rows(context.connection, from_where, key_expression(*verified.table, "t"));
  context.expect(fmt::format("{}.{}", verified.label, tenant.column), "organization-exists",
                 defect.empty(),
                 fmt::format("names organizations that {} does not have: {}",
                             context.references.display(context.spec.schema), defect));
}

void check_agreement(VerifyContext& context, const VerifiedTable& child,
                     const VerifiedTable& parent, const sql::ForeignKey& key) {
  const std::string& tenant = context.spec.tenant->column;
  std::vector<std::string> joins;
  for (std::size_t i = 0; i < key.columns.size(); ++i) {
    joins.push_back(fmt::format("{} = {}", qualified_column("c", key.columns[i]),
                                qualified_column("p", key.referenced_columns[i])));
  }
  // Types may still differ (text next to uuid), which the type check reports.
  const bool same_type = child.table->column(tenant)->type == parent.table->column(tenant)->type;
  const std::string_view cast = same_type ? "" : "::text";
  const std::string from_where = fmt::format(
      "{} AS c JOIN {} AS p ON {} WHERE {}{} IS DISTINCT FROM {}{}", child.table->name.quoted(),
      parent.table->name.quoted(), fmt::join(joins, " AND "), qualified_column("c", tenant), cast,
      qualified_column("p", tenant), cast);
  const std::string defect =
      describe_rows(context.connection, from_where, key_expression(*child.table, "c"));
  context.expect(fmt::format("{}.{}", child.label, key.name), "same-tenant", defect.empty(),
                 fmt::format("{} differs from that of {} along ({}): {}", tenant, parent.label,
                             fmt::join(key.columns, ", "), defect));
}

}  // namespace

void check_rows(VerifyContext& context) {
  for (const VerifiedTable& verified : context.tables) {
    if (!verified.has_tenant_column) continue;
    count_rows(context, verified);
    if (!has_valid_foreign_key(context, *verified.table)) {
      check_organizations_exist(context, verified);
    }
  }
}

void check_foreign_key_agreement(VerifyContext& context) {
  for (const VerifiedTable& child : context.tables) {
    if (!child.has_tenant_column) continue;
    for (const sql::ForeignKey& key : child.table->foreign_keys) {
      const auto parent =
          std::find_if(context.tables.begin(), context.tables.end(), [&](const VerifiedTable& t) {
            return t.has_tenant_column && t.table->name == key.referenced;
          });
      if (parent != context.tables.end()) check_agreement(context, child, *parent, key);
    }
  }
}

void check_ensured_rows(VerifyContext& context) {
  for (const planner::EnsureSpec& wanted : context.spec.ensure) {
    const sql::QualifiedName name = sql::parse_qualified_name(wanted.table, context.spec.schema);
    const std::string label = name.display(context.spec.schema);
    if (context.catalog.table(name) == nullptr) {
      context.expect(label, "ensured-row", false, "the table does not exist");
      continue;
    }
    std::vector<std::string> predicates;
    std::vector<std::string> words;
    for (const auto& [column, value] : wanted.row) {
      if (std::find(wanted.key.begin(), wanted.key.end(), column) == wanted.key.end()) continue;
      predicates.push_back(
          fmt::format("{} = {}", qualified_column("t", column), sql::quote_literal(value)));
      words.push_back(fmt::format("{}={}", column, value));
    }
    if (predicates.empty()) continue;
    const bool found = context.connection
                           .execute(fmt::format("SELECT EXISTS (SELECT FROM {} AS t WHERE {})",
                                                name.quoted(), fmt::join(predicates, " AND ")))
                           .boolean(0, 0);
    context.expect(label, "ensured-row", found,
                   fmt::format("there is no row with {}", fmt::join(words, ", ")));
  }
}

}  // namespace pgbackfill::engine
