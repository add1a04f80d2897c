#include "planner/file/migration_sections.hpp"

#include "planner/file/nearest_name.hpp"
#include "planner/file/section_checks.hpp"
#include "planner/file/toml_section.hpp"
#include "planner/run_settings.hpp"
#include "planner/spec_resolution.hpp"
#include "sql/identifier.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace pgbackfill::planner {
namespace {

TomlValue::Kind kind_of(RunSetting::Form form) {
  switch (form) {
    case RunSetting::Form::kInteger:
      return TomlValue::Kind::kInteger;
    case RunSetting::Form::kNumber:
      return TomlValue::Kind::kFloat;
    case RunSetting::Form::kBoolean:
      return TomlValue::Kind::kBoolean;
    case RunSetting::Form::kString:
      break;
  }
  return TomlValue::Kind::kString;
}

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

// The type goes into SQL as it is written.
void read_tenant_type(const TomlSection& tenant, TenantSpec& spec) {
  const auto text = tenant.text("type");
  if (!text) return;
  const bool plain = std::all_of(text->begin(), text->end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c >= 0x80 ||
           std::string_view(" _(),.\"").find(static_cast<char>(c)) != std::string_view::npos;
  });
  const bool quotes_closed = std::count(text->begin(), text->end(), '"') % 2 == 0;
  if (plain && quotes_closed) {
    spec.type = *text;
    return;
  }
  tenant.report(tenant.find("type")->position,
                fmt::format("\"type\": \"{}\" is not the name of a type", *text));
}

}  // namespace

RunOptions read_run(const TomlValue& value, std::vector<SpecError>& errors) {
  std::vector<std::string> keys;
  for (const RunSetting& setting : run_settings()) keys.push_back(setting.key);
  const TomlSection run(value, "[run]", std::move(keys), errors);
  RunOptions options;
  for (const RunSetting& setting : run_settings()) {
    const TomlValue* found = run.find(setting.key);
    const bool whole_number = found != nullptr && setting.form == RunSetting::Form::kNumber &&
                              found->kind == TomlValue::Kind::kInteger;
    if (!whole_number) found = run.find(setting.key, kind_of(setting.form));
    if (found == nullptr) continue;
    const auto defect = setting.take(found->text, options);
    if (!defect) continue;
    const bool quoted = setting.form == RunSetting::Form::kString;
    run.report(found->position, fmt::format("\"{}\" {}, not {}{}{}{}", setting.key, *defect,
                                            quoted ? "\"" : "", found->text, quoted ? "\"" : "",
                                            did_you_mean(found->text, setting.words)));
  }
  return options;
}

EnsureSpec read_ensure(const TomlValue& value, std::vector<SpecError>& errors) {
  const TomlSection section(value, titled("[[ensure]]", value, "table"), {"table", "key", "row"},
                            errors);
  section.require({"table", "key", "row"});
  EnsureSpec spec;
  spec.position = section.position();
  if (const auto table = section.text("table")) {
    spec.table = *table;
    check_name(section, "table", {*table, section.find("table")->position});
  }
  const TomlValue* row = section.find("row", TomlValue::Kind::kTable);
  if (row != nullptr) {
    if (row->entries.empty()) section.report(row->position, "\"row\" is empty");
    for (const TomlEntry& entry : row->entries) {
      const auto what = fmt::format("{} \"row.{}\"", section.title(), entry.key);
      if (const auto text = scalar_text(entry.value, what, errors)) {
        spec.row.emplace_back(entry.key, *text);
      }
    }
  }
  for (const PlacedText& column : section.texts("key")) {
    spec.key.push_back(column.text);
    if (row != nullptr && row->find(column.text) == nullptr) {
      section.report(
          column.position,
          fmt::format("\"key\" names \"{}\", which \"row\" has no value for", column.text));
    }
  }
  return spec;
}

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
  read_tenant_type(section, spec);
  read_references(section, spec);
  read_on_delete(section, spec);
  if (section.has("value")) {
    const TomlValue* source = section.find("value", TomlValue::Kind::kTable);
    // A value that cannot be read is still a value: the tables must not miss it.
    spec.value =
        source == nullptr ? ValueSource{} : read_value_source(*source, section.title(), errors);
  }
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

ConvertSpec read_convert(const TomlValue& value, std::vector<SpecError>& errors) {
  const TomlSection section(value, "[[convert]]", {"columns", "type"}, errors);
  section.require({"columns", "type"});
  ConvertSpec spec;
  spec.position = section.position();
  for (const PlacedText& column : section.texts("columns")) {
    spec.columns.push_back(column.text);
    if (!split_column(column.text)) {
      section.report(column.position,
                     fmt::format("\"{}\" must be written table.column", column.text));
    }
  }
  if (const TomlValue* type = section.find("type", TomlValue::Kind::kString)) {
    spec.type = type->text;
    if (spec.type != "uuid") {
      section.report(type->position,
                     fmt::format("\"type\" must be uuid, the only conversion there is, not \"{}\"",
                                 spec.type));
    }
  }
  return spec;
}

}  // namespace pgbackfill::planner
