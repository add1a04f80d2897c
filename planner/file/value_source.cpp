#include "planner/file/value_source.hpp"

#include "planner/file/section_checks.hpp"
#include "planner/file/sql_expression.hpp"

#include <fmt/format.h>

#include <initializer_list>
#include <string_view>

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
  refuse_keys(source, "lookup", {"via", "column"});
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
  value.column = source.text("column").value_or("");
  refuse_keys(source, "parent", {"key"});
}

void read_sql_source(const TomlSection& source, ValueSource& value) {
  value.kind = SourceKind::kSql;
  const TomlValue* text = source.find("sql", Kind::kString);
  refuse_keys(source, "sql", {"key", "via", "column"});
  if (text == nullptr) return;
  value.expression = text->text;
  if (const auto defect = expression_defect(value.expression)) {
    source.report(text->position, fmt::format("\"sql\" {}", *defect));
  }
}

}  // namespace

ValueSource read_value_source(const TomlValue& value, const std::string& title,
                              std::vector<SpecError>& errors) {
  const TomlSection source(
      value, title + " value",
      {"constant", "lookup", "parent", "sql", "key", "via", "column", "otherwise"}, errors);
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
    refuse_keys(source, "constant", {"key", "via", "column", "otherwise"});
  } else {
    if (source.has("lookup")) read_lookup_source(source, result);
    if (source.has("parent")) read_parent_source(source, result);
    if (source.has("sql")) read_sql_source(source, result);
    result.otherwise = read_otherwise(source);
  }
  return result;
}

std::optional<ValueSource> read_value(const TomlSection& section) {
  if (!section.has("value")) return std::nullopt;
  const TomlValue* source = section.find("value", Kind::kTable);
  if (source == nullptr) return ValueSource{};
  return read_value_source(*source, section.title(), section.errors());
}

}  // namespace pgbackfill::planner
