#include "planner/file/migration_sections.hpp"
#include "planner/file/section_checks.hpp"
#include "planner/file/sql_expression.hpp"
#include "planner/file/toml_section.hpp"

#include <fmt/format.h>

#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace pgbackfill::planner {
namespace {

using Kind = TomlValue::Kind;

std::string read_constant(const TomlSection& section) {
  const auto constant = section.scalar("constant");
  if (!constant) return {};
  if (constant->empty())
    section.report(section.find("constant")->position, "\"constant\" is empty");
  return *constant;
}

Otherwise read_otherwise(const TomlSection& source) {
  Otherwise otherwise;
  const TomlValue* value = source.find("otherwise");
  if (value == nullptr) return otherwise;
  if (value->kind == Kind::kTable) {
    const TomlSection section(*value, source.title() + " \"otherwise\"", {"constant"},
                              source.errors());
    section.require({"constant"});
    otherwise.kind = Otherwise::Kind::kConstant;
    otherwise.constant = read_constant(section);
  } else if (value->kind == Kind::kString && value->text == "quarantine") {
    otherwise.kind = Otherwise::Kind::kQuarantine;
  } else if (value->kind != Kind::kString || value->text != "fail") {
    source.report(value->position,
                  "\"otherwise\" must be \"fail\", \"quarantine\" or { constant = … }");
  }
  return otherwise;
}

void refuse_keys(const TomlSection& source, std::string_view kind,
                 std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) {
    if (const TomlValue* value = source.find(key)) {
      source.report(value->position, fmt::format("\"{}\" does not go with \"{}\"", key, kind));
    }
  }
}

void read_lookup_source(const TomlSection& source, ValueSource& value) {
  value.kind = SourceKind::kLookup;
  value.lookup = source.text("lookup").value_or("");
  value.key = source.text("key").value_or("");
  if (!source.has("key")) {
    source.report(source.position(), "a lookup needs \"key\", the column to look up by");
  }
  refuse_keys(source, "lookup", {"via"});
}

void read_parent_source(const TomlSection& source, ValueSource& value) {
  value.kind = SourceKind::kParent;
  value.key = source.text("via").value_or("");
  if (!source.has("via")) {
    source.report(source.position(), "a parent needs \"via\", the column that references it");
  }
  if (const auto parent = source.text("parent")) {
    value.parent = *parent;
    check_name(source, "parent", {*parent, source.find("parent")->position});
  }
  refuse_keys(source, "parent", {"key"});
}

void read_sql_source(const TomlSection& source, ValueSource& value) {
  value.kind = SourceKind::kSql;
  const TomlValue* text = source.find("sql", Kind::kString);
  refuse_keys(source, "sql", {"key", "via"});
  if (text == nullptr) return;
  value.expression = text->text;
  if (const auto defect = expression_defect(value.expression)) {
    source.report(text->position, fmt::format("\"sql\" {}", *defect));
  }
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

// An enum label is limited like an identifier.
std::vector<std::string> read_labels(const TomlSection& section, std::string_view key) {
  std::vector<std::string> labels;
  for (const PlacedText& label : section.texts(key)) {
    check_length(section, key, label);
    labels.push_back(label.text);
  }
  return labels;
}

}  // namespace

ValueSource read_value_source(const TomlValue& value, const std::string& title,
                              std::vector<SpecError>& errors) {
  const TomlSection source(value, title + " value",
                           {"constant", "lookup", "parent", "sql", "key", "via", "otherwise"},
                           errors);
  ValueSource result;
  result.position = value.position;
  int kinds = 0;
  for (const std::string_view kind : {"constant", "lookup", "parent", "sql"}) {
    if (source.has(kind)) ++kinds;
  }
  if (kinds != 1) {
    source.report(source.position(),
                  fmt::format("must have exactly one of constant, lookup, parent and sql, not {}",
                              kinds == 0 ? "none" : "several"));
    return result;
  }
  if (source.has("constant")) {
    result.constant = read_constant(source);
    refuse_keys(source, "constant", {"key", "via", "otherwise"});
  } else {
    if (source.has("lookup")) read_lookup_source(source, result);
    if (source.has("parent")) read_parent_source(source, result);
    if (source.has("sql")) read_sql_source(source, result);
    result.otherwise = read_otherwise(source);
  }
  return result;
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
  if (section.has("value")) {
    const TomlValue* source = section.find("value", Kind::kTable);
    // A value that cannot be read is still a value: it must not be missed a second time.
    spec.value =
        source == nullptr ? ValueSource{} : read_value_source(*source, section.title(), errors);
  }
  if (const TomlValue* indexes = section.find("indexes", Kind::kArray)) {
    for (const TomlValue& element : indexes->elements) {
      if (element.kind == Kind::kTable) {
        spec.indexes.push_back(read_index(element, section.title(), errors));
      } else {
        section.report(element.position, "\"indexes\" must hold { name = …, columns = [ … ] }");
      }
    }
  }
  return spec;
}

EnumSpec read_enum(const TomlValue& value, std::vector<SpecError>& errors) {
  const TomlSection section(value, titled("[[enum]]", value, "type"),
                            {"type", "values", "map", "unmap", "on_unmapped", "order"}, errors);
  section.require({"type", "values"});
  EnumSpec spec;
  spec.position = section.position();
  if (const auto type = section.text("type")) {
    spec.type = *type;
    check_name(section, "type", {*type, section.find("type")->position});
  }
  spec.values = read_labels(section, "values");
  const std::set<std::string> known(spec.values.begin(), spec.values.end());
  const auto must_be_known = [&](std::string_view what, const PlacedText& label) {
    if (known.empty() || known.contains(label.text)) return;
    section.report(label.position,
                   fmt::format("{} \"{}\", which is not among \"values\"", what, label.text));
  };
  for (const auto& [from, to] : section.text_map("map")) {
    must_be_known("\"map\" leads to", to);
    spec.map.emplace(from.text, to.text);
  }
  for (const auto& [from, to] : section.text_map("unmap")) {
    must_be_known("\"unmap\" names", from);
    if (to.text.empty()) section.report(to.position, "\"unmap\" leads to an empty label");
    spec.unmap.emplace(from.text, to.text);
  }
  if (const auto label = section.text("on_unmapped"); label && *label != "fail") {
    must_be_known("\"on_unmapped\" is", {*label, section.find("on_unmapped")->position});
    spec.on_unmapped = *label;
  }
  spec.strict_order =
      section.choice<bool>("order", {{"strict", true}, {"any", false}}).value_or(true);
  return spec;
}

}  // namespace pgbackfill::planner
