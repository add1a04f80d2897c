#include "planner/operations/tenant/tenant_section.hpp"

#include "planner/file/section_checks.hpp"
#include "planner/file/toml_section.hpp"
#include "planner/file/value_source.hpp"
#include "sql/identifier.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <stdexcept>
#include <string>
#include <string_view>

namespace pgbackfill::planner {
namespace {

// Splits "organizations(org_id)".
void read_references(const TomlSection& tenant, TenantSpec& spec) {
  const auto text = tenant.text("references");
  if (!text) return;
  const Position& position = tenant.find("references")->position;
  const auto open = text->rfind('(');
  if (open == std::string::npos || open == 0 || text->back() != ')') {
    tenant.report(position,
                  fmt::format("\"references\" must be written table(column), not \"{}\"", *text));
    return;
  }
  spec.references_table = text->substr(0, open);
  const std::string column = text->substr(open + 1, text->size() - open - 2);
  check_name(tenant, "references", {spec.references_table, position});
  try {
    // A column is one part of a name and may be quoted like one.
    const sql::QualifiedName parsed = sql::parse_qualified_name(column, "");
    if (parsed.schema.empty()) spec.references_column = parsed.name;
  } catch (const std::invalid_argument&) {
    spec.references_column.clear();
  }
  if (spec.references_column.empty()) {
    tenant.report(position, fmt::format("\"references\": \"{}\" is not a column name", column));
  }
}

void read_on_delete(const TomlSection& tenant, TenantSpec& spec) {
  const TomlValue* value = tenant.find("on_delete", TomlValue::Kind::kString);
  if (value == nullptr) return;
  std::string action = value->text;
  std::transform(action.begin(), action.end(), action.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (action == "no action" || action == "restrict") {
    spec.on_delete = action;
    return;
  }
  std::string_view reason = "it is not known";
  if (action == "cascade") {
    reason = "deleting one organization would silently delete all of its rows";
  } else if (action == "set null") {
    reason = "the column is NOT NULL in the end";
  } else if (action == "set default") {
    reason = "the column has no default in the end";
  }
  tenant.report(value->position,
                fmt::format("\"on_delete\" must be no action or restrict; \"{}\" is refused: {}",
                            value->text, reason));
}

IndexSpec read_index(const TomlValue& element, const std::string& table_title,
                     std::vector<SpecError>& errors) {
  const TomlSection section(element, table_title + " " + titled("index", element, "name"),
                            {"name", "columns"}, errors);
  section.require({"name", "columns"});
  IndexSpec index;
  index.position = section.position();
  if (const auto name = section.text("name")) {
    index.name = *name;
    const PlacedText placed{*name, section.find("name")->position};
    check_length(section, "name", placed);
    check_template(section, "name", placed);
  }
  for (const PlacedText& column : section.texts("columns")) index.columns.push_back(column.text);
  return index;
}

}  // namespace

TenantSpec read_tenant(const TomlValue& value, std::vector<SpecError>& errors) {
  const TomlSection section(
      value, "[tenant]",
      {"column", "type", "references", "on_delete", "value", "foreign_key", "index"}, errors);
  section.require({"references"});
  TenantSpec spec;
  spec.position = section.position();
  if (const auto column = section.text("column")) {
    spec.column = *column;
    check_length(section, "column", {*column, section.find("column")->position});
  }
  if (const auto type = read_type(section)) spec.type = *type;
  read_references(section, spec);
  read_on_delete(section, spec);
  spec.value = read_value(section);
  if (const auto text = section.text("foreign_key")) {
    spec.foreign_key = *text;
    check_template(section, "foreign_key", {*text, section.find("foreign_key")->position});
  }
  if (const auto text = section.text("index")) {
    spec.index = *text;
    const Position& position = section.find("index")->position;
    check_template(section, "index", {*text, position});
    if (text->find("{table}") == std::string::npos) {
      section.report(position, "\"index\" needs {table} in it: index names are unique in a schema");
    }
  }
  return spec;
}

LookupSpec read_lookup(const TomlValue& value, std::vector<SpecError>& errors) {
  const TomlSection section(value, titled("[[lookup]]", value, "name"), {"name", "file"}, errors);
  section.require({"name", "file"});
  LookupSpec spec;
  spec.position = section.position();
  spec.name = section.text("name").value_or("");
  spec.file = section.text("file").value_or("");
  return spec;
}

TableSpec read_table(const TomlValue& value, std::vector<SpecError>& errors) {
  const TomlSection section(value, titled("[[table]]", value, "name"),
                            {"name", "required", "value", "indexes"}, errors);
  section.require({"name"});
  TableSpec spec;
  spec.position = section.position();
  if (const auto name = section.text("name")) {
    spec.name = *name;
    check_name(section, "name", {*name, section.find("name")->position});
  }
  spec.required = section.boolean("required");
  spec.value = read_value(section);
  if (const TomlValue* indexes = section.find("indexes", TomlValue::Kind::kArray)) {
    for (const TomlValue& element : indexes->elements) {
      if (element.kind == TomlValue::Kind::kTable) {
        spec.indexes.push_back(read_index(element, section.title(), errors));
      } else {
        section.report(element.position, "\"indexes\" must hold { name = …, columns = [ … ] }");
      }
    }
  }
  return spec;
}

}  // namespace pgbackfill::planner
