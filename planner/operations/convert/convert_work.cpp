#include "planner/operations/convert/convert_work.hpp"

#include "planner/spec_resolution.hpp"
#include "planner/sql_type.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;

/// The fewest characters that a uuid can be written in, and those of its usual form.
constexpr int kBareUuid = 32;
constexpr int kHyphenedUuid = 36;

bool is_text(std::string_view type) {
  return type == "text" || type == "character varying" || type.starts_with("character varying(") ||
         type.starts_with("character(");
}

}  // namespace

const ConvertColumn* ConvertTable::find(std::string_view column) const {
  const auto found = std::find_if(columns.begin(), columns.end(), [&](const ConvertColumn* one) {
    return one->column->name == column;
  });
  return found == columns.end() ? nullptr : *found;
}

const ConvertColumn* ConvertGroup::find(const sql::QualifiedName& table,
                                        std::string_view column) const {
  for (const ConvertTable& one : tables) {
    if (one.table->name == table) return one.find(column);
  }
  return nullptr;
}

void resolve_convert(const JobSpec& spec, const sql::Catalog& catalog, Scope& scope) {
  for (const ConvertSpec& convert : spec.of<ConvertSpec>()) {
    for (const std::string& written : convert.columns) {
      const auto reference = split_column(written);
      if (!reference) continue;
      const auto name = resolve_name(reference->table, spec.schema);
      const sql::Table* table = catalog.table(name);
      const sql::Column* column = table == nullptr ? nullptr : table->column(reference->column);
      if (column == nullptr || normalise_type(column->type) == normalise_type(convert.type)) {
        continue;
      }
      scope.of<ConvertColumn>().push_back({table, column, name.display(spec.schema),
                                           normalise_type(convert.type),
                                           sql::fit_identifier("pgbackfill_new_" + column->name),
                                           sql::fit_identifier("pgbackfill_old_" + column->name)});
    }
  }
}

bool convert_names(const JobSpec& spec, const sql::QualifiedName& table, std::string_view column) {
  for (const ConvertSpec& convert : spec.of<ConvertSpec>()) {
    for (const std::string& written : convert.columns) {
      const auto reference = split_column(written);
      if (reference && reference->column == column &&
          resolve_name(reference->table, spec.schema) == table) {
        return true;
      }
    }
  }
  return false;
}

bool can_convert(const sql::Column& column, std::string_view type) {
  if (column.type_kind != 'b') return false;
  if (type == "uuid") return is_text(column.type);
  return type == "bigint" && (column.type == "integer" || column.type == "smallint");
}

std::optional<int> text_length(const sql::Column& column) {
  const auto open = column.type.find('(');
  if (open == std::string::npos) return std::nullopt;
  int length = 0;
  std::from_chars(column.type.data() + open + 1, column.type.data() + column.type.size(), length);
  return length;
}

std::string new_value(const ConvertColumn& column, std::string_view row) {
  // Through text: a char's blanks at the end are no part of its value.
  const bool padded = column.column->type.starts_with("character(");
  return fmt::format("{}.{}{}::{}", row, quote_identifier(column.column->name),
                     padded ? "::text" : "", column.type);
}

std::string fits_old_integer(const ConvertColumn& column, const std::string& value) {
  const bool small = column.column->type == "smallint";
  return fmt::format("{} BETWEEN {} AND {}", value, small ? "-32768" : "-2147483648",
                     small ? "32767" : "2147483647");
}

std::string old_form(const ConvertColumn& column, const std::string& value) {
  if (column.type == "uuid") {
    const int length = text_length(*column.column).value_or(kHyphenedUuid);
    if (length >= kHyphenedUuid) return value + "::text";
    return length < kBareUuid ? "NULL" : fmt::format("replace({}::text, '-', '')", value);
  }
  return fmt::format("CASE WHEN {} THEN {}::{} END", fits_old_integer(column, value), value,
                     column.column->type);
}

std::string old_value(const ConvertColumn& column, std::string_view row) {
  return old_form(column, fmt::format("{}.{}", row, quote_identifier(column.column->name)));
}

}  // namespace pgbackfill::planner
