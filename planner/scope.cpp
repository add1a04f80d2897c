#include "planner/scope.hpp"

#include "planner/spec_resolution.hpp"
#include "planner/sql_type.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>

namespace pgbackfill::planner {
namespace {

TableWork resolve_table(const JobSpec& spec, const TableSpec& table_spec, const sql::Table& table) {
  TableWork work;
  work.spec = &table_spec;
  work.table = &table;
  work.label = table.name.display(spec.schema);
  work.column = table.column(spec.tenant->column);
  work.source = effective_value(spec, table_spec);
  work.needs_value = work.column == nullptr || !work.column->not_null;
  const bool metadata_wanted =
      spec.run.method == MethodChoice::kAuto || spec.run.method == MethodChoice::kCatalog;
  work.by_catalog = work.source != nullptr && work.source->kind == SourceKind::kConstant &&
                    work.column == nullptr && !table.row_type_used && metadata_wanted;
  return work;
}

/// The label of a default such as 'user'::user_role; nullopt for anything else.
std::optional<std::string> plain_label(std::string_view expression) {
  const bool escaped = expression.starts_with("E'");
  if (!escaped && !expression.starts_with("'")) return std::nullopt;
  std::string label;
  for (std::size_t i = escaped ? 2 : 1; i < expression.size(); ++i) {
    const char c = expression[i];
    if (c == '\'' || (escaped && c == '\\')) {
      if (i + 1 < expression.size() && expression[i + 1] == c) {
        ++i;
      } else if (c == '\'') {
        const std::string_view rest = expression.substr(i + 1);
        const bool only_a_cast = rest.starts_with("::") &&
                                 rest.find_first_of("()|+") == std::string_view::npos &&
                                 rest.find("::", 2) == std::string_view::npos;
        return only_a_cast ? std::optional(label) : std::nullopt;
      } else {
        return std::nullopt;
      }
    }
    label.push_back(c);
  }
  return std::nullopt;
}

EnumColumnWork resolve_enum_column(const JobSpec& spec, const sql::Table& table,
                                   const sql::Column& column) {
  EnumColumnWork work;
  work.table = &table;
  work.column = &column;
  work.label = table.name.display(spec.schema);
  work.shadow = sql::fit_identifier("pgbackfill_new_" + column.name);
  work.old_name = sql::fit_identifier("pgbackfill_old_" + column.name);
  if (column.default_expression && !column.default_expression->starts_with("NULL::")) {
    work.default_label = plain_label(*column.default_expression);
    work.default_understood = work.default_label.has_value();
  }
  return work;
}

void map_labels(EnumWork& work) {
  const EnumSpec& spec = *work.spec;
  const auto wanted = [&](const std::string& label) {
    return std::find(spec.values.begin(), spec.values.end(), label) != spec.values.end();
  };
  for (const std::string& label : work.type->labels) {
    if (const auto found = spec.map.find(label); found != spec.map.end()) {
      work.remap.emplace_back(label, found->second);
    } else if (wanted(label)) {
      work.remap.emplace_back(label, label);
    } else if (spec.on_unmapped) {
      work.remap.emplace_back(label, *spec.on_unmapped);
    } else {
      work.unmapped.push_back(label);
    }
  }
}

bool already_equal(const EnumWork& work) {
  // A label that the file maps elsewhere still has rows to change, even if the lists agree.
  for (const auto& [from, to] : work.remap) {
    if (from != to) return false;
  }
  if (work.spec->strict_order) return work.type->labels == work.spec->values;
  return std::set(work.type->labels.begin(), work.type->labels.end()) ==
         std::set(work.spec->values.begin(), work.spec->values.end());
}

bool can_rename(const EnumWork& work) {
  if (!work.unmapped.empty()) return false;
  std::set<std::string> targets;
  auto position = work.spec->values.begin();
  for (const auto& [from, to] : work.remap) {
    if (!targets.insert(to).second) return false;
    const auto found = std::find(work.spec->values.begin(), work.spec->values.end(), to);
    if (found == work.spec->values.end()) return false;
    if (work.spec->strict_order && found < position) return false;
    position = found;
  }
  return true;
}

std::optional<EnumWork> resolve_enum(const JobSpec& spec, const sql::Catalog& catalog,
                                     const EnumSpec& enum_spec) {
  const sql::EnumType* type = catalog.enum_type(resolve_name(enum_spec.type, spec.schema));
  if (type == nullptr) return std::nullopt;
  EnumWork work;
  work.spec = &enum_spec;
  work.type = type;
  work.shadow_type = {type->name.schema, sql::fit_identifier("pgbackfill_new_" + type->name.name)};
  work.old_type = {type->name.schema, sql::fit_identifier("pgbackfill_old_" + type->name.name)};
  map_labels(work);
  if (already_equal(work)) return work;
  work.path = can_rename(work) ? EnumPath::kRename : EnumPath::kShadow;
  for (const sql::EnumColumn& used : type->columns) {
    const sql::Table* table = catalog.table(used.table);
    const sql::Column* column = table == nullptr ? nullptr : table->column(used.column);
    if (column != nullptr) work.columns.push_back(resolve_enum_column(spec, *table, *column));
  }
  return work;
}

}  // namespace

Scope resolve_scope(const JobSpec& spec, const sql::Catalog& catalog) {
  Scope scope;
  if (spec.tenant) {
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
  for (const EnumSpec& enum_spec : spec.enums) {
    if (auto work = resolve_enum(spec, catalog, enum_spec)) scope.enums.push_back(*work);
  }
  return scope;
}

std::vector<const sql::Table*> physical_tables(const sql::Catalog& catalog,
                                               const sql::Table& table) {
  if (table.kind != 'p') return {&table};
  std::vector<const sql::Table*> leaves;
  for (const sql::QualifiedName& leaf : table.leaves) {
    if (const sql::Table* found = catalog.table(leaf)) leaves.push_back(found);
  }
  return leaves;
}

std::optional<std::string> parent_key(const sql::Table& table, const std::string& via,
                                      const sql::Table& parent) {
  for (const sql::ForeignKey& key : table.foreign_keys) {
    if (key.referenced == parent.name && key.columns.size() == 1 && key.columns[0] == via &&
        key.referenced_columns.size() == 1) {
      return key.referenced_columns[0];
    }
  }
  const sql::Index* primary = parent.primary_key();
  if (primary != nullptr && primary->columns.size() == 1) return primary->columns[0];
  return std::nullopt;
}

bool index_uses(const sql::Index& index, const std::string& column) {
  const auto in = [&](const std::vector<std::string>& names) {
    return std::find(names.begin(), names.end(), column) != names.end();
  };
  return in(index.columns) || in(index.included);
}

std::string expand_name(std::string_view pattern, const TenantSpec& tenant,
                        const sql::QualifiedName& table, const sql::QualifiedName& references) {
  const std::array<std::pair<std::string_view, std::string_view>, 3> values{
      {{"{table}", table.name}, {"{column}", tenant.column}, {"{references}", references.name}}};
  std::string name;
  while (!pattern.empty()) {
    const auto found = std::find_if(values.begin(), values.end(), [&](const auto& entry) {
      return pattern.starts_with(entry.first);
    });
    // What a placeholder stands for is never looked at again: a table may be called "{column}".
    name += found == values.end() ? pattern.substr(0, 1) : found->second;
    pattern.remove_prefix(found == values.end() ? 1 : found->first.size());
  }
  return sql::fit_identifier(name);
}

std::vector<IndexSpec> wanted_indexes(const TenantSpec& tenant, const TableWork& work,
                                      const sql::QualifiedName& references) {
  std::vector<IndexSpec> indexes = work.spec->indexes;
  bool led = false;
  for (IndexSpec& index : indexes) {
    index.name = expand_name(index.name, tenant, work.table->name, references);
    led = led || (!index.columns.empty() && index.columns.front() == tenant.column);
  }
  if (!led && !tenant.index.empty()) {
    indexes.push_back({expand_name(tenant.index, tenant, work.table->name, references),
                       {tenant.column},
                       work.spec->position});
  }
  return indexes;
}

const sql::ForeignKey* equal_foreign_key(const TableWork& work, const TenantSpec& tenant,
                                         const sql::QualifiedName& references) {
  const char wanted = tenant.on_delete == "restrict" ? 'r' : 'a';
  for (const sql::ForeignKey& key : work.table->foreign_keys) {
    if (key.columns == std::vector{tenant.column} && key.referenced == references &&
        key.referenced_columns == std::vector{tenant.references_column} &&
        key.on_delete == wanted) {
      return &key;
    }
  }
  return nullptr;
}

std::string_view kind_of(char relkind) {
  switch (relkind) {
    case 'v':
      return "a view";
    case 'm':
      return "a materialized view";
    case 'f':
      return "a foreign table";
    case 'r':
    case 'p':
      return "a table";
    default:
      return "not a table";
  }
}

bool mentions_word(std::string_view text, std::string_view word) {
  const auto part_of_word = [&](std::size_t at) {
    return at < text.size() &&
           (std::isalnum(static_cast<unsigned char>(text[at])) != 0 || text[at] == '_');
  };
  for (std::size_t at = text.find(word); at != std::string_view::npos;
       at = text.find(word, at + 1)) {
    if ((at == 0 || !part_of_word(at - 1)) && !part_of_word(at + word.size())) return true;
  }
  return false;
}

std::string lookup_key_type(const Scope& scope, std::string_view lookup) {
  std::set<std::string> families;
  for (const TableWork& work : scope.tables) {
    if (work.source == nullptr || work.source->kind != SourceKind::kLookup ||
        work.source->lookup != lookup || !work.needs_value) {
      continue;
    }
    const sql::Column* key = work.table->column(work.source->key);
    const TypeFamily family =
        key == nullptr ? TypeFamily::kText : type_family(normalise_type(key->type));
    families.insert(family == TypeFamily::kInteger ? "bigint"
                    : family == TypeFamily::kUuid  ? "uuid"
                                                   : "text");
  }
  return families.size() == 1 ? *families.begin() : "text";
}

}  // namespace pgbackfill::planner
