#include "planner/operations/tenant/tenant_rules.hpp"

#include "planner/file/distinct.hpp"
#include "planner/file/nearest_name.hpp"
#include "planner/scope.hpp"
#include "planner/spec_resolution.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace pgbackfill::planner {
namespace {

class Rules {
 public:
  Rules(const JobSpec& spec, std::vector<SpecError>& errors) : spec_(spec), errors_(errors) {
    for (const TableSpec& table : spec.tables) {
      if (table.name.empty()) continue;
      by_name_.emplace(resolve_name(table.name, spec.schema), &table);
      names_.push_back(table.name);
    }
    for (const LookupSpec& lookup : spec.lookups) lookup_names_.push_back(lookup.name);
  }

  void check() {
    check_repeated();
    check_index_names();
    check_tenant();
    for (const TableSpec& table : spec_.tables) {
      if (table.value) check_source(*table.value);
    }
    if (spec_.tenant && spec_.tenant->value) check_source(*spec_.tenant->value);
    check_cycles();
  }

 private:
  void check_repeated() {
    std::map<sql::QualifiedName, Position> tables;
    for (const TableSpec& table : spec_.tables) {
      if (table.name.empty()) continue;
      add_distinct(tables, resolve_name(table.name, spec_.schema), "table", table.name,
                   table.position, errors_);
    }
    std::map<std::string, Position> lookups;
    for (const LookupSpec& lookup : spec_.lookups) {
      if (lookup.name.empty()) continue;
      add_distinct(lookups, lookup.name, "lookup", lookup.name, lookup.position, errors_);
    }
  }

  // Index names are unique in a schema, and a listed one may also meet one from the template.
  void check_index_names() {
    using Name = std::pair<std::string, std::string>;
    std::map<Name, Position> seen;
    const TenantSpec tenant = spec_.tenant.value_or(TenantSpec{});
    const auto name_of = [&](const std::string& pattern, const sql::QualifiedName& table) {
      const auto references = resolve_name(tenant.references_table, spec_.schema);
      return Name(table.schema, expand_name(pattern, tenant, table, references));
    };
    for (const TableSpec& table : spec_.tables) {
      for (const IndexSpec& index : table.indexes) {
        if (index.name.empty()) continue;
        const Name name = name_of(index.name, resolve_name(table.name, spec_.schema));
        add_distinct(seen, name, "index", name.second, index.position, errors_);
      }
    }
    for (const TableSpec& table : spec_.tables) {
      if (!spec_.tenant || table.name.empty() || leads_with_tenant(table)) continue;
      const Name own = name_of(tenant.index, resolve_name(table.name, spec_.schema));
      const auto listed = seen.find(own);
      if (listed == seen.end()) continue;
      errors_.push_back(
          {listed->second, fmt::format("index \"{}\" is also the name of the index on {} of table "
                                       "\"{}\"; name one of them differently",
                                       own.second, tenant.column, table.name)});
    }
  }

  bool leads_with_tenant(const TableSpec& table) const {
    return std::any_of(table.indexes.begin(), table.indexes.end(), [&](const IndexSpec& index) {
      return !index.columns.empty() && index.columns.front() == spec_.tenant->column;
    });
  }

  void check_tenant() {
    if (!spec_.tenant) {
      if (!spec_.tables.empty()) {
        errors_.push_back({spec_.tables.front().position,
                           "[[table]] needs a [tenant] that says which column the tables get"});
      }
      return;
    }
    const TenantSpec& tenant = *spec_.tenant;
    for (const TableSpec& table : spec_.tables) {
      if (effective_value(spec_, table) == nullptr) {
        errors_.push_back({table.position, fmt::format("[[table]] \"{}\" has no \"value\", nor has "
                                                       "[tenant]: say where its {} comes from",
                                                       table.name, tenant.column)});
      }
      if (!table.name.empty() && tenant.column == tenant.references_column &&
          resolve_name(table.name, spec_.schema) ==
              resolve_name(tenant.references_table, spec_.schema)) {
        errors_.push_back(
            {table.position, fmt::format("[[table]] \"{}\" is the table that {} references; it has "
                                         "the column and cannot be listed",
                                         table.name, tenant.column)});
      }
    }
  }

  void check_source(const ValueSource& value) {
    if (value.kind == SourceKind::kLookup && !value.lookup.empty() &&
        spec_.lookup(value.lookup) == nullptr) {
      errors_.push_back(
          {value.position, fmt::format("no [[lookup]] is named \"{}\"{}", value.lookup,
                                       did_you_mean(value.lookup, lookup_names_))});
    }
    if (!value.column.empty()) {
      errors_.push_back({value.position,
                         "\"column\" goes with the parent of a [[column]]; a [[table]] takes the "
                         "column that [tenant] names"});
    }
    if (value.kind == SourceKind::kParent && !value.parent.empty() &&
        find(value.parent) == nullptr) {
      errors_.push_back(
          {value.position, fmt::format("the parent \"{}\" is not among the [[table]] list{}",
                                       value.parent, did_you_mean(value.parent, names_))});
    }
  }

  const TableSpec* find(const std::string& name) const {
    const auto found = by_name_.find(resolve_name(name, spec_.schema));
    return found == by_name_.end() ? nullptr : found->second;
  }

  const TableSpec* parent_of(const TableSpec& table) const {
    const ValueSource* value = effective_value(spec_, table);
    if (value == nullptr || value->kind != SourceKind::kParent) return nullptr;
    return value->parent.empty() ? nullptr : find(value->parent);
  }

  // Each table has one parent at most, so a walk either ends or comes upon its own track.
  void check_cycles() {
    std::set<const TableSpec*> settled;
    for (const TableSpec& start : spec_.tables) {
      std::vector<const TableSpec*> track;
      const TableSpec* at = &start;
      while (at != nullptr && !settled.contains(at) &&
             std::find(track.begin(), track.end(), at) == track.end()) {
        track.push_back(at);
        at = parent_of(*at);
      }
      const auto begin = std::find(track.begin(), track.end(), at);
      if (at != nullptr && begin != track.end()) report_cycle({begin, track.end()});
      settled.insert(track.begin(), track.end());
    }
  }

  void report_cycle(std::vector<const TableSpec*> cycle) {
    // Begin with the table that stands first in the file: they lie in one vector in that order.
    std::rotate(cycle.begin(), std::min_element(cycle.begin(), cycle.end()), cycle.end());
    std::string path;
    for (const TableSpec* table : cycle) path += table->name + " -> ";
    errors_.push_back({effective_value(spec_, *cycle.front())->position,
                       fmt::format("the parents form a cycle: {}{}; give one of them a value "
                                   "from elsewhere",
                                   path, cycle.front()->name)});
  }

  const JobSpec& spec_;
  std::vector<SpecError>& errors_;
  std::map<sql::QualifiedName, const TableSpec*> by_name_;
  std::vector<std::string> names_;
  std::vector<std::string> lookup_names_;
};

}  // namespace

void check_tenant_rules(const JobSpec& spec, std::vector<SpecError>& errors) {
  Rules(spec, errors).check();
}

}  // namespace pgbackfill::planner
