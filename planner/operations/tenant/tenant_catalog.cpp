#include "planner/operations/tenant/tenant_checks.hpp"
#include "planner/preflight/catalog_check.hpp"
#include "planner/scope.hpp"
#include "planner/spec_resolution.hpp"
#include "planner/sql_type.hpp"
#include "planner/values/check_lookup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace pgbackfill::planner {
namespace {

class TenantCatalog {
 public:
  explicit TenantCatalog(CatalogCheck& check)
      : check_(check), tenant_type_(normalise_type(check.spec.tenant->type)) {}

  void run() {
    const JobSpec& spec = check_.spec;
    check_references(*spec.tenant);
    if (spec.tenant->value) check_constants(*spec.tenant->value);
    for (const TableSpec& table : spec.tables) check_table(table);
    for (const LookupSpec& lookup : spec.lookups) {
      const bool of_columns =
          std::any_of(spec.columns.begin(), spec.columns.end(),
                      [&](const ColumnSpec& column) { return column.value.lookup == lookup.name; });
      if (of_columns && lookup_users_[lookup.name].empty()) continue;  // checked there
      check_lookup(spec, lookup, lookup_users_[lookup.name], tenant_type_, check_.errors);
    }
  }

 private:
  void check_references(const TenantSpec& tenant) {
    const sql::Table* table =
        check_.need_table(tenant.references_table, tenant.position, "[tenant] references: table");
    if (table == nullptr) return;
    const sql::Column* column = check_.need_column(*table, tenant.references_column,
                                                   tenant.position, "[tenant] references");
    if (column == nullptr) return;
    const bool unique =
        std::any_of(table->indexes.begin(), table->indexes.end(), [&](const sql::Index& index) {
          return index.unique && index.valid && index.immediate && !index.partial &&
                 !index.has_expressions && index.columns == std::vector{column->name};
        });
    if (!unique) {
      check_.report(
          tenant.position,
          "[tenant] references \"{}({})\", which is neither a primary key nor unique; a foreign "
          "key needs one of them",
          check_.shown(*table), column->name);
    }
    const std::string type = check_.final_type(*table, *column);
    if (type != tenant_type_) {
      check_.report(tenant.position,
                    "[tenant] type is {}, but \"{}({})\" is {}; they must be the same",
                    tenant_type_, check_.shown(*table), column->name, type);
    }
  }

  void check_constants(const ValueSource& value) {
    if (value.kind == SourceKind::kConstant) check_constant(value.constant, value.position);
    if (value.otherwise.kind == Otherwise::Kind::kConstant) {
      check_constant(value.otherwise.constant, value.position);
    }
  }

  void check_constant(const std::string& text, const Position& position) {
    if (is_value_of(tenant_type_, text)) return;
    check_.report(position, "the constant \"{}\" is not a value of type {}", text, tenant_type_);
  }

  void check_table(const TableSpec& spec) {
    // Checked here too, since what is written is right or wrong without the table.
    if (spec.value) check_constants(*spec.value);
    const bool optional = !spec.required.value_or(true);
    if (optional && check_.catalog.table(resolve_name(spec.name, check_.spec.schema)) == nullptr)
      return;
    const sql::Table* table = check_.need_table(spec.name, spec.position, "[[table]]");
    if (table == nullptr) return;
    check_tenant_column(spec, *table);
    for (const IndexSpec& index : spec.indexes) {
      for (const std::string& column : index.columns) {
        if (column == check_.spec.tenant->column) continue;
        check_.need_column(*table, column, index.position, fmt::format("index \"{}\"", index.name));
      }
    }
    const ValueSource* value = effective_value(check_.spec, spec);
    if (value == nullptr) return;
    if (value->kind == SourceKind::kLookup) check_lookup_key(spec, *table, *value);
    if (value->kind == SourceKind::kParent) check_parent(spec, *table, *value);
  }

  void check_tenant_column(const TableSpec& spec, const sql::Table& table) {
    const sql::Column* column = table.column(check_.spec.tenant->column);
    if (column == nullptr) return;
    const std::string type = check_.final_type(table, *column);
    if (type == tenant_type_) return;
    check_.report(spec.position,
                  "[[table]] \"{}\" has a column \"{}\" already, of type {} instead of {}",
                  spec.name, column->name, type, tenant_type_);
  }

  void check_lookup_key(const TableSpec& spec, const sql::Table& table, const ValueSource& value) {
    const sql::Column* key = check_.need_column(
        table, value.key, value.position, fmt::format("[[table]] \"{}\" value key", spec.name));
    if (key == nullptr) return;
    lookup_users_[value.lookup].push_back(
        {spec.name, key->name, normalise_type(key->type), value.position});
  }

  void check_parent(const TableSpec& spec, const sql::Table& table, const ValueSource& value) {
    const std::string what = fmt::format("[[table]] \"{}\" value", spec.name);
    const sql::Column* via = check_.need_column(table, value.key, value.position, what + " via");
    const sql::Table* parent = check_.catalog.table(resolve_name(value.parent, check_.spec.schema));
    if (parent == nullptr) {
      // One that must be there is reported at its own place.
      if (is_optional(value.parent)) {
        check_.report(
            value.position,
            "{}: its parent \"{}\" does not exist in database \"{}\", so its rows have no "
            "value; name another source",
            what, value.parent, check_.catalog.database);
      }
      return;
    }
    if (via == nullptr || !holds_rows(*parent)) return;
    const auto key = parent_key(table, via->name, *parent);
    if (!key) {
      check_.report(
          value.position,
          "{}: cannot tell which column of \"{}\" \"{}\" refers to: it has no foreign key there, "
          "and the parent no primary key of one column",
          what, value.parent, via->name);
      return;
    }
    const sql::Column* referenced = parent->column(*key);
    if (referenced == nullptr) return;
    const std::string via_type = normalise_type(via->type);
    const std::string key_type = normalise_type(referenced->type);
    if (same_family(via_type, key_type)) return;
    check_.report(value.position, "{}: \"{}\" is {}, but \"{}({})\", which it refers to, is {}",
                  what, via->name, via_type, value.parent, *key, key_type);
  }

  bool is_optional(const std::string& written) const {
    const sql::QualifiedName name = resolve_name(written, check_.spec.schema);
    return std::any_of(check_.spec.tables.begin(), check_.spec.tables.end(),
                       [&](const TableSpec& table) {
                         return !table.required.value_or(true) &&
                                resolve_name(table.name, check_.spec.schema) == name;
                       });
  }

  CatalogCheck& check_;
  std::string tenant_type_;
  std::map<std::string, std::vector<LookupUser>> lookup_users_;
};

}  // namespace

void check_tenant_catalog(CatalogCheck& check) {
  if (check.spec.tenant) TenantCatalog(check).run();
}

}  // namespace pgbackfill::planner
