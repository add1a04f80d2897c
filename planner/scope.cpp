#include "planner/scope.hpp"

#include "planner/operations/operation.hpp"
#include "planner/spec_resolution.hpp"
#include "planner/sql_type.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace pgbackfill::planner {
namespace {

void find_lookup_keys(Scope& scope) {
  for (const ValueWork* work : scope.values()) {
    if (work->source == nullptr || work->source->kind != SourceKind::kLookup ||
        !work->needs_value) {
      continue;
    }
    const sql::Column* key = work->table->column(work->source->key);
    const TypeFamily family =
        key == nullptr ? TypeFamily::kText : type_family(normalise_type(key->type));
    const std::string type = family == TypeFamily::kInteger ? "bigint"
                             : family == TypeFamily::kUuid  ? "uuid"
                                                            : "text";
    const auto [known, is_new] = scope.lookup_keys.emplace(work->source->lookup, type);
    if (!is_new && known->second != type) known->second = "text";
  }
}

}  // namespace

Scope resolve_scope(const JobSpec& spec, const sql::Catalog& catalog) {
  Scope scope;
  for (const Operation* operation : operations()) operation->resolve(spec, catalog, scope);
  find_lookup_keys(scope);
  for (std::size_t i = 0; i < scope.tables.size(); ++i) {
    scope.places.emplace(scope.tables[i].table->name, i);
  }
  return scope;
}

std::vector<const ValueWork*> Scope::values() const {
  std::vector<const ValueWork*> all;
  for (const ValueWork& work : tables) all.push_back(&work);
  for (const ValueWork& work : columns) all.push_back(&work);
  return all;
}

const ValueWork* Scope::tenant_column(const sql::QualifiedName& table) const {
  const auto found = places.find(table);
  return found == places.end() ? nullptr : &tables[found->second];
}

void resolve_value(const JobSpec& spec, ValueWork& work) {
  work.label = work.table->name.display(spec.schema);
  work.column = work.table->column(work.name);
  if (work.column != nullptr) work.type = work.column->type;
  work.needs_value = work.column == nullptr || !work.column->not_null;
  const bool metadata_wanted =
      spec.run.method == MethodChoice::kAuto || spec.run.method == MethodChoice::kCatalog;
  work.by_catalog = work.source != nullptr && work.source->kind == SourceKind::kConstant &&
                    work.column == nullptr && !work.table->row_type_used && metadata_wanted;
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

std::vector<IndexSpec> wanted_indexes(const TenantSpec& tenant, const ValueWork& work,
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

const sql::ForeignKey* equal_foreign_key(const ValueWork& work, const TenantSpec& tenant,
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
  const auto found = scope.lookup_keys.find(lookup);
  return found == scope.lookup_keys.end() ? "text" : found->second;
}

}  // namespace pgbackfill::planner
