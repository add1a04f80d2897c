#include "planner/operations/tenant/tenant_verify.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace pgbackfill::planner {
namespace {

constexpr int kMaxOrganizations = 1000;

/// One scan answers how many rows each organization has and how many have none.
void count_rows(TenantVerify& context, const VerifiedTable& verified) {
  const std::string column = qualified_column("t", context.base.spec.tenant->column);
  const sql::Result result = context.base.connection.execute(
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
  context.base.expect(fmt::format("{}.{}", verified.label, context.base.spec.tenant->column),
                      "no-null", nulls == 0,
                      fmt::format("{} of {} rows are NULL", nulls, counts.total));
  context.base.report.counts.push_back(std::move(counts));
}

bool has_valid_foreign_key(const TenantVerify& context, const sql::Table& table) {
  return std::any_of(table.foreign_keys.begin(), table.foreign_keys.end(),
                     [&](const sql::ForeignKey& key) {
                       return key.validated && key.referenced == context.references &&
                              key.columns == std::vector{context.base.spec.tenant->column};
                     });
}

/// Without a valid foreign key nothing else says that the values mean something.
void check_organizations_exist(TenantVerify& context, const VerifiedTable& verified) {
  const TenantSpec& tenant = *context.base.spec.tenant;
  const sql::Table* organizations = context.base.catalog.table(context.references);
  if (organizations == nullptr || organizations->column(tenant.references_column) == nullptr) {
    return;
  }
  const std::string column = qualified_column("t", tenant.column);
  const std::string from_where = fmt::format(
      "{} AS t WHERE {} IS NOT NULL AND NOT EXISTS (SELECT FROM {} AS o WHERE {}::text = {}::text)",
      verified.table->name.quoted(), column, context.references.quoted(),
      qualified_column("o", tenant.references_column), column);
  const std::string defect =
      describe_rows(context.base.connection, from_where, key_expression(*verified.table, "t"));
  context.base.expect(fmt::format("{}.{}", verified.label, tenant.column), "organization-exists",
                      defect.empty(),
                      fmt::format("names organizations that {} does not have: {}",
                                  context.references.display(context.base.spec.schema), defect));
}

void check_agreement(TenantVerify& context, const VerifiedTable& child, const VerifiedTable& parent,
                     const sql::ForeignKey& key) {
  const std::string& tenant = context.base.spec.tenant->column;
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
      describe_rows(context.base.connection, from_where, key_expression(*child.table, "c"));
  context.base.expect(fmt::format("{}.{}", child.label, key.name), "same-tenant", defect.empty(),
                      fmt::format("{} differs from that of {} along ({}): {}", tenant, parent.label,
                                  fmt::join(key.columns, ", "), defect));
}

}  // namespace

void check_rows(TenantVerify& context) {
  for (const VerifiedTable& verified : context.tables) {
    if (!verified.has_tenant_column) continue;
    count_rows(context, verified);
    if (!has_valid_foreign_key(context, *verified.table)) {
      check_organizations_exist(context, verified);
    }
  }
}

void check_foreign_key_agreement(TenantVerify& context) {
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

void verify_tenant(VerifyContext& base) {
  TenantVerify context{base, {}, {}, {}};
  if (base.spec.tenant) {
    context.references =
        sql::parse_qualified_name(base.spec.tenant->references_table, base.spec.schema);
    context.tenant_type = canonical_type(base.connection, base.spec.tenant->type);
  }
  check_tables(context);
  note_unnamed_tables(context);
  check_rows(context);
  check_foreign_key_agreement(context);
}

}  // namespace pgbackfill::planner
