#include "planner/file/nearest_name.hpp"
#include "planner/file/section_checks.hpp"
#include "planner/file/sql_expression.hpp"
#include "planner/file/toml_section.hpp"
#include "planner/file/value_source.hpp"
#include "planner/operations/column/column_checks.hpp"
#include "planner/spec_resolution.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace pgbackfill::planner {
namespace {

/// default = constant, or { sql = "expression" }.
void read_default(const TomlSection& section, ColumnSpec& spec) {
  const TomlValue* value = section.find("default");
  if (value == nullptr) return;
  if (value->kind != TomlValue::Kind::kTable) {
    spec.default_value = section.scalar("default").value_or("");
    return;
  }
  const TomlSection inner(*value, section.title() + " \"default\"", {"sql"}, section.errors());
  inner.require({"sql"});
  spec.default_is_expression = true;
  const auto text = inner.text("sql");
  if (!text) return;
  spec.default_value = *text;
  if (const auto defect = expression_defect(*text)) {
    inner.report(inner.find("sql")->position, fmt::format("\"sql\" {}", *defect));
  }
}

using ColumnName = std::pair<sql::QualifiedName, std::string>;

ColumnName name_of(const JobSpec& spec, const ColumnSpec& column) {
  return {resolve_name(column.table, spec.schema), column.name};
}

/// The column that this one's parent gives it, where the job fills that one too.
const ColumnSpec* source_of(const JobSpec& spec, const ColumnSpec& column) {
  if (column.value.kind != SourceKind::kParent) return nullptr;
  const ColumnName wanted{resolve_name(column.value.parent, spec.schema),
                          column.value.column.empty() ? column.name : column.value.column};
  for (const ColumnSpec& other : spec.columns) {
    if (name_of(spec, other) == wanted) return &other;
  }
  return nullptr;
}

/// A column whose values come, over whichever parents, from itself.
void check_circle(const JobSpec& spec, const ColumnSpec& column, std::vector<SpecError>& errors) {
  const ColumnSpec* at = source_of(spec, column);
  for (std::size_t steps = 0; at != nullptr && steps <= spec.columns.size(); ++steps) {
    if (at == &column) {
      errors.push_back({column.value.position,
                        fmt::format("[[column]] {}.{} takes its value from itself, over its "
                                    "parents; give one of them a value from elsewhere",
                                    column.table, column.name)});
      return;
    }
    at = source_of(spec, *at);
  }
}

}  // namespace

ColumnSpec read_column(const TomlValue& value, std::vector<SpecError>& errors) {
  const TomlSection section(value, titled("[[column]]", value, "name"),
                            {"table", "name", "type", "value", "not_null", "default", "index"},
                            errors);
  section.require({"table", "name", "value"});
  ColumnSpec spec;
  spec.position = section.position();
  if (const auto table = section.text("table")) {
    spec.table = *table;
    check_name(section, "table", {*table, section.find("table")->position});
  }
  if (const auto name = section.text("name")) {
    spec.name = *name;
    check_length(section, "name", {*name, section.find("name")->position});
  }
  spec.type = read_type(section).value_or("");
  spec.value = read_value(section).value_or(ValueSource{});
  spec.not_null = section.boolean("not_null").value_or(false);
  read_default(section, spec);
  if (const auto index = section.text("index")) {
    spec.index = *index;
    check_length(section, "index", {*index, section.find("index")->position});
  }
  return spec;
}

void check_column_rules(const JobSpec& spec, std::vector<SpecError>& errors) {
  std::map<ColumnName, Position> seen;
  std::vector<std::string> lookups;
  for (const LookupSpec& lookup : spec.lookups) lookups.push_back(lookup.name);
  for (const ColumnSpec& column : spec.columns) {
    if (column.table.empty() || column.name.empty()) continue;
    const auto [first, added] = seen.emplace(name_of(spec, column), column.position);
    if (!added) {
      errors.push_back(
          {column.position, fmt::format("column \"{}.{}\" is on line {} already", column.table,
                                        column.name, first->second.line)});
    }
    const bool is_tenant =
        spec.tenant && spec.tenant->column == column.name &&
        std::any_of(spec.tables.begin(), spec.tables.end(), [&](const TableSpec& table) {
          return resolve_name(table.name, spec.schema) == resolve_name(column.table, spec.schema);
        });
    if (is_tenant) {
      errors.push_back({column.position,
                        fmt::format("[[column]] \"{}.{}\" is the column that [tenant] gives the "
                                    "table; say its value in the [[table]]",
                                    column.table, column.name)});
    }
    if (column.value.kind == SourceKind::kLookup && !column.value.lookup.empty() &&
        spec.lookup(column.value.lookup) == nullptr) {
      errors.push_back({column.value.position,
                        fmt::format("no [[lookup]] is named \"{}\"{}", column.value.lookup,
                                    did_you_mean(column.value.lookup, lookups))});
    }
    check_circle(spec, column, errors);
  }
}

}  // namespace pgbackfill::planner
