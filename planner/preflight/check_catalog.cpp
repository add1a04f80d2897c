#include "planner/file/nearest_name.hpp"
#include "planner/operations/tenant/check_lookup.hpp"
#include "planner/preflight/preflight.hpp"
#include "planner/scope.hpp"
#include "planner/spec_resolution.hpp"
#include "planner/sql_type.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgbackfill::planner {
namespace {

bool holds_rows(const sql::Table& table) { return table.kind == 'r' || table.kind == 'p'; }

class CatalogCheck {
 public:
  CatalogCheck(const JobSpec& spec, const sql::Catalog& catalog) : spec_(spec), catalog_(catalog) {}

  std::vector<SpecError> run() {
    for (const EnsureSpec& ensure : spec_.ensure) check_ensure(ensure);
    if (spec_.tenant) {
      tenant_type_ = normalise_type(spec_.tenant->type);
      check_references(*spec_.tenant);
      if (spec_.tenant->value) check_constants(*spec_.tenant->value);
      for (const TableSpec& table : spec_.tables) check_table(table);
      for (const LookupSpec& lookup : spec_.lookups) {
        check_lookup(spec_, lookup, lookup_users_[lookup.name], tenant_type_, errors_);
      }
    }
    for (const EnumSpec& type : spec_.enums) check_enum(type);
    for (const ConvertSpec& convert : spec_.converts) check_convert(convert);
    return std::move(errors_);
  }

 private:
  template <typename... Args>
  void report(const Position& position, fmt::format_string<Args...> format, Args&&... args) {
    errors_.push_back({position, fmt::format(format, std::forward<Args>(args)...)});
  }

  // The table, unless it is missing or cannot hold rows, which is reported.
  const sql::Table* need_table(const std::string& written, const Position& position,
                               std::string_view what) {
    const sql::QualifiedName name = resolve_name(written, spec_.schema);
    const sql::Table* table = catalog_.table(name);
    if (table == nullptr) {
      report(position, "{} \"{}\" does not exist in database \"{}\"{}", what, written,
             catalog_.database, elsewhere(name));
      return nullptr;
    }
    if (!holds_rows(*table)) {
      report(position, "{} \"{}\" is {}, not a table", what, written, kind_of(table->kind));
      return nullptr;
    }
    return table;
  }

  // Where a table of the same name is, or one of nearly the same.
  std::string elsewhere(const sql::QualifiedName& name) const {
    std::vector<std::string> names;
    for (const sql::Table& table : catalog_.tables) {
      if (table.name.name == name.name) {
        return fmt::format("; there is \"{}.{}\"", table.name.schema, table.name.name);
      }
      if (table.name.schema == name.schema) names.push_back(table.name.name);
    }
    return did_you_mean(name.name, names);
  }

  const sql::Column* need_column(const sql::Table& table, const std::string& name,
                                 const Position& position, std::string_view what) {
    if (const sql::Column* column = table.column(name)) return column;
    std::vector<std::string> names;
    for (const sql::Column& column : table.columns) names.push_back(column.name);
    report(position, "{}: table \"{}\" has no column \"{}\"{}", what, shown(table), name,
           did_you_mean(name, names));
    return nullptr;
  }

  std::string shown(const sql::Table& table) const { return table.name.display(spec_.schema); }

  // The column's type once the job is done.
  std::string final_type(const sql::Table& table, const sql::Column& column) const {
    for (const ConvertSpec& convert : spec_.converts) {
      for (const std::string& written : convert.columns) {
        const auto reference = split_column(written);
        if (reference && reference->column == column.name &&
            resolve_name(reference->table, spec_.schema) == table.name) {
          return normalise_type(convert.type);
        }
      }
    }
    return normalise_type(column.type);
  }

  void check_ensure(const EnsureSpec& ensure) {
    const sql::Table* table = need_table(ensure.table, ensure.position, "[[ensure]] table");
    if (table == nullptr) return;
    for (const auto& [column, value] : ensure.row) {
      need_column(*table, column, ensure.position, "[[ensure]]");
    }
  }

  void check_references(const TenantSpec& tenant) {
    const sql::Table* table =
        need_table(tenant.references_table, tenant.position, "[tenant] references: table");
    if (table == nullptr) return;
    const sql::Column* column =
        need_column(*table, tenant.references_column, tenant.position, "[tenant] references");
    if (column == nullptr) return;
    const bool unique =
        std::any_of(table->indexes.begin(), table->indexes.end(), [&](const sql::Index& index) {
          return index.unique && index.valid && index.immediate && !index.partial &&
                 !index.has_expressions && index.columns == std::vector{column->name};
        });
    if (!unique) {
      report(tenant.position,
             "[tenant] references \"{}({})\", which is neither a primary key nor unique; a foreign "
             "key needs one of them",
             shown(*table), column->name);
    }
    const std::string type = final_type(*table, *column);
    if (type != tenant_type_) {
      report(tenant.position, "[tenant] type is {}, but \"{}({})\" is {}; they must be the same",
             tenant_type_, shown(*table), column->name, type);
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
    report(position, "the constant \"{}\" is not a value of type {}", text, tenant_type_);
  }

  void check_table(const TableSpec& spec) {
    // Checked here too, since what is written is right or wrong without the table.
    if (spec.value) check_constants(*spec.value);
    const bool optional = !spec.required.value_or(true);
    if (optional && catalog_.table(resolve_name(spec.name, spec_.schema)) == nullptr) return;
    const sql::Table* table = need_table(spec.name, spec.position, "[[table]]");
    if (table == nullptr) return;
    check_tenant_column(spec, *table);
    for (const IndexSpec& index : spec.indexes) {
      for (const std::string& column : index.columns) {
        if (column == spec_.tenant->column) continue;
        need_column(*table, column, index.position, fmt::format("index \"{}\"", index.name));
      }
    }
    const ValueSource* value = effective_value(spec_, spec);
    if (value == nullptr) return;
    if (value->kind == SourceKind::kLookup) check_lookup_key(spec, *table, *value);
    if (value->kind == SourceKind::kParent) check_parent(spec, *table, *value);
  }

  void check_tenant_column(const TableSpec& spec, const sql::Table& table) {
    const sql::Column* column = table.column(spec_.tenant->column);
    if (column == nullptr) return;
    const std::string type = final_type(table, *column);
    if (type == tenant_type_) return;
    report(spec.position, "[[table]] \"{}\" has a column \"{}\" already, of type {} instead of {}",
           spec.name, column->name, type, tenant_type_);
  }

  void check_lookup_key(const TableSpec& spec, const sql::Table& table, const ValueSource& value) {
    const sql::Column* key = need_column(table, value.key, value.position,
                                         fmt::format("[[table]] \"{}\" value key", spec.name));
    if (key == nullptr) return;
    lookup_users_[value.lookup].push_back(
        {spec.name, key->name, normalise_type(key->type), value.position});
  }

  void check_parent(const TableSpec& spec, const sql::Table& table, const ValueSource& value) {
    const std::string what = fmt::format("[[table]] \"{}\" value", spec.name);
    const sql::Column* via = need_column(table, value.key, value.position, what + " via");
    const sql::Table* parent = catalog_.table(resolve_name(value.parent, spec_.schema));
    if (parent == nullptr) {
      // One that must be there is reported at its own place.
      if (is_optional(value.parent)) {
        report(value.position,
               "{}: its parent \"{}\" does not exist in database \"{}\", so its rows have no "
               "value; name another source",
               what, value.parent, catalog_.database);
      }
      return;
    }
    if (via == nullptr || !holds_rows(*parent)) return;
    const auto key = parent_key(table, via->name, *parent);
    if (!key) {
      report(
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
    report(value.position, "{}: \"{}\" is {}, but \"{}({})\", which it refers to, is {}", what,
           via->name, via_type, value.parent, *key, key_type);
  }

  bool is_optional(const std::string& written) const {
    const sql::QualifiedName name = resolve_name(written, spec_.schema);
    return std::any_of(spec_.tables.begin(), spec_.tables.end(), [&](const TableSpec& table) {
      return !table.required.value_or(true) && resolve_name(table.name, spec_.schema) == name;
    });
  }

  void check_enum(const EnumSpec& type) {
    const sql::QualifiedName name = resolve_name(type.type, spec_.schema);
    if (catalog_.enum_type(name) != nullptr) return;
    for (const sql::Table& table : catalog_.tables) {
      for (const sql::Column& column : table.columns) {
        if (column.type_name != name) continue;
        report(type.position, "[[enum]] \"{}\" is {}, not an enum", type.type,
               column.type_kind == 'd' ? "a domain" : "another kind of type");
        return;
      }
    }
    std::vector<std::string> names;
    for (const sql::EnumType& known : catalog_.enums) {
      names.push_back(known.name.display(spec_.schema));
    }
    report(type.position, "[[enum]] \"{}\": database \"{}\" has no such type{}", type.type,
           catalog_.database, did_you_mean(type.type, names));
  }

  void check_convert(const ConvertSpec& convert) {
    for (const std::string& written : convert.columns) {
      const auto reference = split_column(written);
      if (!reference) continue;
      const sql::Table* table = need_table(reference->table, convert.position, "[[convert]] table");
      if (table != nullptr) {
        need_column(*table, reference->column, convert.position, "[[convert]]");
      }
    }
  }

  const JobSpec& spec_;
  const sql::Catalog& catalog_;
  std::string tenant_type_;
  std::map<std::string, std::vector<LookupUser>> lookup_users_;
  std::vector<SpecError> errors_;
};

}  // namespace

std::vector<SpecError> check_against_catalog(const JobSpec& spec, const sql::Catalog& catalog) {
  return CatalogCheck(spec, catalog).run();
}

}  // namespace pgbackfill::planner
