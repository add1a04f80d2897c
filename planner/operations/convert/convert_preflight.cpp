#include "planner/operations/convert/convert_checks.hpp"
#include "sql/statements.hpp"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::planner {
namespace {

constexpr std::string_view kAfterwards =
    "drop it before the run, and create it again for the new type after it";

bool check_type(PreflightContext& context, const ConvertColumn& column) {
  const std::string shown = column.shown();
  if (column.table->kind == 'p' || column.table->is_partition) {
    context.refuse(shown, "its table is partitioned, and columns of those are not converted",
                   "take it out of [[convert]]");
    return false;
  }
  if (column.column->generated) {
    context.refuse(shown, "it is a generated column", "drop it, and add it again after the run");
    return false;
  }
  if (!can_convert(*column.column, column.type)) {
    context.refuse(shown,
                   fmt::format("it is {}, and only {} to {}", column.column->type,
                               column.type == "uuid" ? "text, varchar and char convert"
                                                     : "integer and smallint convert",
                               column.type),
                   "take it out of [[convert]]");
    return false;
  }
  if (column.type == "uuid" && old_value(column, "t") == "NULL") {
    context.refuse(shown, fmt::format("a {} is too short to hold a uuid", column.column->type),
                   "take it out of [[convert]]");
    return false;
  }
  return true;
}

/// Two columns that a foreign key ties together change their type together or not at all.
void check_keys(PreflightContext& context) {
  const auto named = [&](const sql::QualifiedName& table, const std::string& column) {
    return convert_names(context.spec, table, column);
  };
  for (const ConvertKey& key : read_convert_keys(context.connection, context.scope)) {
    for (std::size_t i = 0; i < key.columns.size(); ++i) {
      const bool one = named(key.table, key.columns[i]);
      const bool other = named(key.referenced, key.referenced_columns[i]);
      if (one == other) continue;
      const std::string child =
          fmt::format("{}.{}", key.table.display(context.spec.schema), key.columns[i]);
      const std::string parent = fmt::format("{}.{}", key.referenced.display(context.spec.schema),
                                             key.referenced_columns[i]);
      context.refuse(
          one ? child : parent,
          fmt::format("the foreign key {} ties it to {}, which [[convert]] does not name", key.name,
                      one ? parent : child),
          fmt::format("name {} as well", one ? parent : child));
    }
  }
}

void check_dependents(PreflightContext& context, const ConvertColumn& column) {
  const sql::Result rows = context.connection.execute(
      sql::statement("convert_dependents"), {column.table->name.quoted(), column.column->name});
  for (int i = 0; i < rows.rows(); ++i) {
    context.refuse(std::string(rows.text(i, 0)),
                   fmt::format("{} {} and is not carried over", rows.text(i, 1), column.shown()),
                   std::string(kAfterwards));
  }
}

void check_default(PreflightContext& context, const ConvertColumn& column) {
  const ConvertedDefault converted = convert_default(context.connection, column);
  if (converted.understood) return;
  context.refuse(column.shown(),
                 fmt::format("its default, {}, gives no {}: {}", *column.column->default_expression,
                             column.type, converted.why_not),
                 "drop the default, or set one whose text converts");
}

void check_index(PreflightContext& context, const ConvertTable& table, const sql::Index& index) {
  std::vector<std::string> columns;
  for (const ConvertColumn* column : table.columns) {
    if (index_uses(index, column->column->name)) columns.push_back(column->column->name);
  }
  if (columns.empty() || !index.valid) return;
  const auto refuse = [&](const std::string& message) {
    context.refuse(fmt::format("index {} of table {}", index.name, table.label), message,
                   std::string(kAfterwards));
  };
  const sql::Result traits =
      context.connection.execute(sql::statement("convert_index_traits"),
                                 {sql::QualifiedName{table.table->name.schema, index.name}.quoted(),
                                  sql::text_array_literal(columns)});
  if (traits.boolean(0, 0)) refuse("it is an exclusion constraint's, which is not carried over");
  if (const auto opclass = traits.text(0, 1); !opclass.empty()) {
    refuse(fmt::format("its operator class {} is not one of the new type", opclass));
  }
  if (!index.immediate) refuse("its constraint is deferrable, which is not carried over");
  if (index.replica_identity) {
    context.refuse(fmt::format("index {} of table {}", index.name, table.label),
                   "it is the table's replica identity, which is not carried over",
                   "choose another one for the time of the run");
  }
}

void check_free(PreflightContext& context, const ConvertTable& table) {
  for (const ConvertColumn* column : table.columns) {
    for (const std::string& name : {column->shadow, column->old_name}) {
      if (table.table->column(name) != nullptr) {
        refuse_leftover(context, table.label, "column " + name);
      }
    }
  }
  for (const ConvertIndex& index : convert_indexes(context.connection, table)) {
    for (const std::string& name : {index.shadow_name, index.kept_name}) {
      const std::string holder = holder_of(context, {table.table->name.schema, name});
      if (!holder.empty()) refuse_leftover(context, table.label, holder + ", " + name + ",");
    }
  }
}

/// The same job cannot fill a column, or settle its default, and replace it.
void check_fills(PreflightContext& context, const ConvertColumn& column) {
  const auto refuse = [&](std::string_view section) {
    context.refuse(column.shown(),
                   fmt::format("{} is to fill it or to drop its default in the same job", section),
                   "convert it in a job of its own first");
  };
  for (const ValueWork& work : context.scope.tables) {
    if (work.table != column.table || work.name != column.column->name) continue;
    if (work.needs_value || column.column->default_expression) refuse("[[table]]");
  }
  for (const ValueWork& work : context.scope.columns) {
    if (work.table == column.table && work.name == column.column->name) refuse("[[column]]");
  }
}

/// True when every column is of a type that converts, so that its values can be looked at.
bool check_shape(PreflightContext& context) {
  bool typed = true;
  for (const ConvertColumn& column : context.scope.of<ConvertColumn>()) {
    typed = check_type(context, column) && typed;
  }
  check_keys(context);
  if (!typed) return false;
  for (const ConvertColumn& column : context.scope.of<ConvertColumn>()) {
    check_dependents(context, column);
    check_default(context, column);
    check_fills(context, column);
  }
  for (const ConvertGroup& group : convert_groups(context.connection, context.scope)) {
    for (const ConvertTable& table : group.tables) {
      for (const sql::Index& index : table.table->indexes) check_index(context, table, index);
      check_free(context, table);
    }
  }
  return true;
}

}  // namespace

void check_convert(PreflightContext& context) {
  if (context.scope.of<ConvertColumn>().empty()) return;
  try {
    if (check_shape(context)) check_convert_data(context);
  } catch (const sql::Error& error) {
    if (error.connection_lost()) throw;
    context.refuse("[[convert]]",
                   fmt::format("its columns cannot be examined: {}", error.diagnostics().message),
                   "run as the owner of their tables");
  }
}

}  // namespace pgbackfill::planner
