#include "planner/operations/tenant/tenant_operation.hpp"

#include "planner/identity_lines.hpp"
#include "planner/operations/tenant/cross_tenant.hpp"
#include "planner/operations/tenant/tenant_checks.hpp"
#include "planner/operations/tenant/tenant_plan.hpp"
#include "planner/operations/tenant/tenant_rules.hpp"
#include "planner/operations/tenant/tenant_section.hpp"
#include "planner/operations/tenant/tenant_verify.hpp"
#include "planner/spec_resolution.hpp"
#include "planner/sql_type.hpp"
#include "planner/values/value_plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace pgbackfill::planner {
namespace {

std::string digest(const LookupSpec& lookup) {
  auto entries = lookup.entries;
  std::sort(entries.begin(), entries.end());
  Digest hash;
  for (const auto& [key, value] : entries) {
    hash.add(key);
    hash.add(value);
  }
  return hash.hex();
}

void identify_tenant(const TenantSpec& tenant, IdentityLines& lines) {
  lines.line("tenant: column = {} {}", tenant.column, normalise_type(tenant.type));
  lines.line("tenant: references = {}({}) on delete {}", lines.display(tenant.references_table),
             tenant.references_column, tenant.on_delete);
  lines.line("tenant: foreign key = {}", tenant.foreign_key);
  lines.line("tenant: index = {}", tenant.index);
}

void identify_table(const JobSpec& spec, const std::string& name, const TableSpec& table,
                    IdentityLines& lines) {
  if (const ValueSource* value = effective_value(spec, table)) {
    lines.line("table {}: value = {}", name, lines.describe(*value));
  }
  if (!table.required.value_or(true)) lines.line("table {}: required = false", name);
  for (const IndexSpec& index : table.indexes) {
    lines.line("table {}: index {} = {}", name, index.name, fmt::join(index.columns, ", "));
  }
}

ValueWork resolve_table(const JobSpec& spec, const TableSpec& table_spec, const sql::Table& table) {
  ValueWork work;
  work.spec = &table_spec;
  work.table = &table;
  work.name = spec.tenant->column;
  work.type = normalise_type(spec.tenant->type);
  work.source = effective_value(spec, table_spec);
  resolve_value(spec, work);
  return work;
}

class Tenant : public Operation {
 public:
  std::vector<SectionKey> sections() const override {
    return {{"tenant", false}, {"lookup"}, {"table"}};
  }

  void read(std::string_view section, const TomlValue& value, JobSpec& spec,
            std::vector<SpecError>& errors) const override {
    if (section == "table") {
      spec.tables.push_back(read_table(value, errors));
    } else if (section == "lookup") {
      spec.lookups.push_back(read_lookup(value, errors));
    } else if (value.kind == TomlValue::Kind::kTable) {
      spec.tenant = read_tenant(value, errors);
    } else {
      spec.tenant.emplace().value.emplace();  // must not be missed a second time
    }
  }

  bool asked(const JobSpec& spec) const override { return !spec.tables.empty(); }

  void check_rules(const JobSpec& spec, std::vector<SpecError>& errors) const override {
    check_tenant_rules(spec, errors);
  }

  void identify(const JobSpec& spec, IdentityLines& lines) const override {
    if (spec.tenant) identify_tenant(*spec.tenant, lines);
    for (const auto& [name, lookup] :
         sorted(spec.lookups, [](const LookupSpec& lookup) { return lookup.name; })) {
      lines.line("lookup {} = {} entries, digest {}", shown(name), lookup->entries.size(),
                 digest(*lookup));
    }
    for (const auto& [name, table] :
         sorted(spec.tables, [&](const TableSpec& table) { return lines.display(table.name); })) {
      identify_table(spec, name, *table, lines);
    }
  }

  void check_catalog(CatalogCheck& check) const override { check_tenant_catalog(check); }

  void resolve(const JobSpec& spec, const sql::Catalog& catalog, Scope& scope) const override {
    if (!spec.tenant) return;
    scope.references = resolve_name(spec.tenant->references_table, spec.schema);
    for (const TableSpec& table_spec : spec.tables) {
      const auto name = resolve_name(table_spec.name, spec.schema);
      if (const sql::Table* table = catalog.table(name)) {
        scope.tables.push_back(resolve_table(spec, table_spec, *table));
      } else {
        scope.notes.push_back("table " + name.display(spec.schema) +
                              " is not in the database: skipped");
      }
    }
  }

  void need(const PreflightContext& context, Needs& needs) const override {
    need_tenant_tables(context, needs);
  }

  void preflight(PreflightContext& context) const override {
    check_value_columns(context, context.scope.tables);
    check_tenant_names(context);
    check_value_rows(context, context.scope.tables);
    check_organizations(context);
    check_cross_tenant(context);
  }

  void plan(Stage stage, PlanContext& context) const override {
    if (stage == Stage::kExpand) {
      load_lookups(context);
      expand_values(context, context.scope.tables);
    }
    if (stage == Stage::kEnforce) enforce_values(context, context.scope.tables);
    if (stage == Stage::kForeignKey) plan_tenant_foreign_keys(context);
    if (stage == Stage::kIndex) plan_tenant_indexes(context);
    if (stage == Stage::kFinish) plan_tenant_finish(context);
  }

  void plan_last(Stage stage, PlanContext& context) const override {
    if (stage == Stage::kBackfill) follow_values(context, context.scope.tables);
  }

  void backfill(const PlanContext& context, BackfillDrafts& drafts) const override {
    draft_values(context, context.scope.tables, drafts);
  }

  void verify(VerifyContext& context) const override { verify_tenant(context); }
};

}  // namespace

const Operation& tenant_operation() {
  static const Tenant operation;
  return operation;
}

}  // namespace pgbackfill::planner
