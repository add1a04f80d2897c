#include "planner/backfill/backfill_drafts.hpp"
#include "planner/backfill/reconcile_sql.hpp"
#include "planner/spec_resolution.hpp"
#include "planner/values/dependencies.hpp"
#include "planner/values/value_plan.hpp"

#include <fmt/format.h>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;

/// What a row gets for which source_expression() is NULL. A parent's expression holds its constant
/// already, for only the expression can tell a parent without a value from a missing one.
Otherwise otherwise_of_null(const ValueSource& source) {
  const bool held =
      source.kind == SourceKind::kParent && source.otherwise.kind == Otherwise::Kind::kConstant;
  return held ? Otherwise{} : source.otherwise;
}

Assignment value_assignment(const PlanContext& context, const ValueWork& work) {
  const ValueSource& source = *work.source;
  Assignment assignment;
  assignment.column = work.name;
  assignment.type = work.type;
  assignment.expression = source_expression(context, work);
  assignment.pending = fmt::format("t.{} IS NULL", quote_identifier(assignment.column));
  switch (source.kind) {
    case SourceKind::kConstant:
      assignment.resolve = ResolveKind::kConstant;
      assignment.constant = source.constant;
      return assignment;
    case SourceKind::kLookup:
      assignment.resolve = ResolveKind::kLookup;
      assignment.lookup = source.lookup;
      break;
    case SourceKind::kParent:
    case SourceKind::kSql:
      assignment.resolve = ResolveKind::kServer;
      break;
  }
  assignment.otherwise = otherwise_of_null(source);
  if (source.kind != SourceKind::kSql) {
    assignment.input = source.key;
    assignment.input_type = column_type(*work.table, source.key);
    // A join leaves out the rows that would get the constant.
    if (source.otherwise.kind != Otherwise::Kind::kConstant) {
      assignment.join = source_join(context, work);
    }
  }
  return assignment;
}

}  // namespace

std::string source_expression(const PlanContext& context, const ValueWork& work) {
  const ValueSource& source = *work.source;
  const std::string& type = work.type;
  const std::string key = "t." + quote_identifier(source.key);
  switch (source.kind) {
    case SourceKind::kConstant:
      return constant_expression(source.constant, type);
    case SourceKind::kLookup: {
      const std::string key_type = lookup_key_type(context.scope, source.lookup);
      const bool cast = key_type == "text" && column_type(*work.table, source.key) != "text";
      return fmt::format("(SELECT l.value FROM {} AS l WHERE l.key = {}{})",
                         ledger_name("lookup", source.lookup).quoted(), key, cast ? "::text" : "");
    }
    case SourceKind::kParent: {
      const auto name = resolve_name(source.parent, context.spec.schema);
      const sql::Table* parent = context.catalog.table(name);
      const std::string& wanted = work.parent_column();
      const auto primary =
          parent == nullptr ? std::nullopt : parent_key(*work.table, source.key, *parent);
      const sql::Column* value = parent == nullptr ? nullptr : parent->column(wanted);
      const bool cast = value != nullptr && value->type != type;
      const std::string found =
          fmt::format("p.{}{}", quote_identifier(wanted), cast ? "::" + type : "");
      const std::string id = "p." + quote_identifier(primary.value_or(""));
      if (source.otherwise.kind != Otherwise::Kind::kConstant) {
        return fmt::format("(SELECT {} FROM {} AS p WHERE {} = {})", found, name.quoted(), id, key);
      }
      // A parent that is there but has no organization yet is no reason to take the constant.
      return fmt::format(
          "(SELECT CASE WHEN {} IS NULL THEN {} ELSE {} END FROM (SELECT) AS one "
          "LEFT JOIN {} AS p ON {} = {})",
          id, constant_expression(source.otherwise.constant, type), found, name.quoted(), id, key);
    }
    case SourceKind::kSql:
      // Lets the expression name columns bare or with the table's own name.
      return fmt::format("((SELECT ({}) FROM (SELECT t.*) AS {})::{})", source.expression,
                         quote_identifier(work.table->name.name), type);
  }
  return "NULL";
}

ValueJoin source_join(const PlanContext& context, const ValueWork& work) {
  const ValueSource& source = *work.source;
  const std::string key = "t." + quote_identifier(source.key);
  if (source.kind == SourceKind::kLookup) {
    const sql::Column* column = work.table->column(source.key);
    const bool cast = lookup_key_type(context.scope, source.lookup) == "text" &&
                      (column == nullptr || column->type != "text");
    const LookupSpec* lookup = context.spec.lookup(source.lookup);
    return {ledger_name("lookup", source.lookup).quoted(),
            fmt::format("s.key = {}{}", key, cast ? "::text" : ""), "s.value",
            lookup == nullptr ? 0 : static_cast<double>(lookup->entries.size())};
  }
  if (source.kind == SourceKind::kParent) {
    const auto name = resolve_name(source.parent, context.spec.schema);
    const sql::Table& parent = *context.catalog.table(name);
    const std::string& wanted = work.parent_column();
    const sql::Column* value = parent.column(wanted);
    const bool cast = value != nullptr && value->type != work.type;
    const std::string id = parent_key(*work.table, source.key, parent).value();
    return {name.quoted(), fmt::format("s.{} = {}", quote_identifier(id), key),
            fmt::format("s.{}{}", quote_identifier(wanted), cast ? "::" + work.type : ""),
            estimated_rows(parent)};
  }
  return computed_source(source_expression(context, work));
}

std::string filled_expression(const PlanContext& context, const ValueWork& work) {
  const std::string expression = source_expression(context, work);
  const Otherwise otherwise = otherwise_of_null(*work.source);
  if (otherwise.kind != Otherwise::Kind::kConstant) return expression;
  const std::string& type = work.type;
  return fmt::format("COALESCE({}, {})", expression, constant_expression(otherwise.constant, type));
}

void draft_values(const PlanContext& context, const std::vector<ValueWork>& values,
                  BackfillDrafts& drafts) {
  const Dependencies dependencies(context.spec, context.scope);
  const auto all = context.scope.values();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const ValueWork& work = *all[i];
    if (!is_among(values, work) || !work.needs_value) continue;
    std::vector<std::string> after;
    for (const std::size_t other : dependencies.of(i)) {
      if (all[other]->needs_value) append(after, backfill_ids(context, *all[other]->table));
    }
    for (const sql::Table* leaf : physical_tables(context.catalog, *work.table)) {
      drafts.assign(*leaf, value_assignment(context, work), !work.by_catalog);
      drafts.follow(*leaf, dependencies.level(i), after);
    }
  }
}

}  // namespace pgbackfill::planner
