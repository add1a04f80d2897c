#include "planner/operations/column/column_checks.hpp"
#include "planner/spec_resolution.hpp"
#include "planner/verify/verify_context.hpp"

#include <fmt/format.h>

namespace pgbackfill::planner {
namespace {

void expect_column(VerifyContext& context, const ColumnSpec& spec, const sql::Table& table,
                   const std::string& object) {
  const sql::Column* column = table.column(spec.name);
  context.expect(object, "column", column != nullptr, "the column does not exist");
  if (column == nullptr) return;
  const std::string type =
      spec.type.empty() ? column->type : canonical_type(context.connection, spec.type);
  context.expect(object, "type", column->type == type,
                 fmt::format("is of type {}, expected {}", column->type, type));
  if (spec.not_null)
    context.expect(object, "not-null", column->not_null, "is not NOT NULL",
                   {fmt::format("ALTER TABLE {} ALTER COLUMN {} SET NOT NULL;", table.name.quoted(),
                                sql::quote_identifier(spec.name))});
  if (!spec.default_value.empty()) {
    context.expect(object, "default", column->default_expression.has_value(), "has no default");
  }
  if (spec.index.empty()) return;
  const sql::Index* index = table.index(spec.index);
  const bool good = index != nullptr && index->valid && !index->partial &&
                    index->columns == std::vector{spec.name};
  context.expect(fmt::format("{}.{}", object, spec.index), "index", good,
                 index == nullptr ? "missing" : "is not a valid index of the column alone");
}

}  // namespace

void verify_columns(VerifyContext& context) {
  for (const ColumnSpec& spec : context.spec.columns) {
    const sql::QualifiedName name = resolve_name(spec.table, context.spec.schema);
    const std::string label = name.display(context.spec.schema);
    const sql::Table* table = context.catalog.table(name);
    if (table == nullptr) {
      context.expect(label, "table", false, "the table does not exist");
    } else {
      expect_column(context, spec, *table, fmt::format("{}.{}", label, spec.name));
    }
  }
}

}  // namespace pgbackfill::planner
