#include "planner/operations/convert/convert_checks.hpp"
#include "planner/spec_resolution.hpp"
#include "planner/sql_type.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pgbackfill::planner {
namespace {

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void verify_column(VerifyContext& context, const sql::Table& table, const sql::Column& column,
                   const std::string& type) {
  const std::string label = table.name.display(context.spec.schema);
  context.expect(fmt::format("{}.{}", label, column.name), "type",
                 normalise_type(column.type) == type,
                 fmt::format("is {}, expected {}", column.type, type));
  for (const sql::ForeignKey& key : table.foreign_keys) {
    if (!has(key.columns, column.name)) continue;
    context.expect(fmt::format("{}.{}", label, key.name), "foreign-key", key.validated,
                   "the foreign key is not validated");
  }
  for (const sql::Index& index : table.indexes) {
    if (!index_uses(index, column.name)) continue;
    context.expect(fmt::format("{}.{}", label, index.name), "index", index.valid,
                   "the index is not valid");
  }
}

}  // namespace

void verify_convert(VerifyContext& context) {
  for (const ConvertSpec& convert : context.spec.of<ConvertSpec>()) {
    for (const std::string& written : convert.columns) {
      const auto reference = split_column(written);
      if (!reference) continue;
      const sql::Table* table =
          context.catalog.table(resolve_name(reference->table, context.spec.schema));
      const sql::Column* column = table == nullptr ? nullptr : table->column(reference->column);
      if (column == nullptr) {
        context.expect(written, "type", false, "the column does not exist");
      } else {
        verify_column(context, *table, *column, normalise_type(convert.type));
      }
    }
  }
}

}  // namespace pgbackfill::planner
