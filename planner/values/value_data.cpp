#include "planner/preflight/preflight_context.hpp"
#include "planner/spec_resolution.hpp"
#include "planner/values/expression_reads.hpp"
#include "planner/values/value_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;

/// Examples of a finding; more help nobody.
constexpr int kMaxListed = 10;

/// Runs one check; what the server refuses (a privilege, mostly) becomes a finding of its own.
template <typename Check>
void guarded(PreflightContext& context, const std::string& object, Check&& check) {
  try {
    check();
  } catch (const sql::Error& error) {
    if (error.connection_lost()) throw;
    context.refuse(object,
                   fmt::format("its data cannot be checked: {}", error.diagnostics().message),
                   "run as a role that may read the table");
  }
}

/// Rows of t that the backfill will look at.
std::string pending(const ValueWork& work) {
  if (work.column == nullptr) return "true";
  return fmt::format("t.{} IS NULL", quote_identifier(work.name));
}

bool must_find(const ValueWork& work, SourceKind kind) {
  return work.needs_value && work.source != nullptr && work.source->kind == kind &&
         work.source->otherwise.kind == Otherwise::Kind::kFail;
}

/// The expression speaks of a column that the job itself is going to add.
/// nullptr: the error is another one.
const ValueWork* awaited_column(const PreflightContext& context, const sql::Error& error) {
  if (error.sqlstate() != "42703") return nullptr;
  const auto values = context.scope.values();
  const auto found = std::find_if(values.begin(), values.end(), [&](const ValueWork* work) {
    return work->column == nullptr &&
           error.diagnostics().message.find(work->name) != std::string::npos;
  });
  return found == values.end() ? nullptr : *found;
}

std::string explain(const ValueWork& work) {
  return fmt::format("EXPLAIN SELECT (SELECT ({}) FROM (SELECT t.*) AS {})::{} FROM {} AS t",
                     work.source->expression, quote_identifier(work.table->name.name), work.type,
                     work.table->name.quoted());
}

/// Asks again with temporary views that have the column in place of the tables that lack it.
void explain_with_stand_ins(PreflightContext& context, const ValueWork& work) {
  sql::Transaction undone(context.connection);
  create_stand_ins(context.connection, context.scope, work.source->expression);
  context.connection.execute(explain(work));
}

void check_expression(PreflightContext& context, const ValueWork& work) {
  try {
    try {
      context.connection.execute(explain(work));
    } catch (const sql::Error& error) {
      if (error.connection_lost() || awaited_column(context, error) == nullptr) throw;
      explain_with_stand_ins(context, work);
    }
  } catch (const sql::Error& error) {
    if (error.connection_lost()) throw;
    const std::string& message = error.diagnostics().message;
    if (const ValueWork* awaited = awaited_column(context, error)) {
      context.warn(work.label,
                   fmt::format("its sql value cannot be checked before {} exists: {}",
                               awaited->name, message),
                   "name tables without their schema, so that it can");
      return;
    }
    context.refuse(
        work.label,
        fmt::format("the server does not accept its sql value as {}: {}", work.type, message),
        "correct the expression in the migration file");
  }
}

void check_lookup_keys(PreflightContext& context, const ValueWork& work) {
  const LookupSpec* lookup = context.spec.lookup(work.source->lookup);
  const sql::Column* key = work.table->column(work.source->key);
  if (lookup == nullptr || key == nullptr) return;
  const std::string key_type = lookup_key_type(context.scope, lookup->name);
  const std::string column = "t." + quote_identifier(key->name);
  const std::string compared = key_type == "text" ? column + "::text" : column;
  std::vector<std::string> keys;
  for (const auto& [entry, value] : lookup->entries) keys.push_back(entry);
  const sql::Result rows = context.connection.execute(
      fmt::format(
          "SELECT {0}::text, count(*), sum(count(*)) OVER (), count(*) OVER () FROM {1} AS t "
          "LEFT JOIN (SELECT k::{2} AS k, true AS known FROM unnest($1::text[]) AS k) AS l "
          "ON l.k = {3} WHERE {4} AND l.known IS NULL GROUP BY {0} "
          "ORDER BY count(*) DESC, 1 LIMIT {5}",
          column, work.table->name.quoted(), key_type, compared, pending(work), kMaxListed),
      {sql::text_array_literal(keys)});
  if (rows.rows() == 0) return;
  std::vector<std::string> listed;
  for (int i = 0; i < rows.rows(); ++i) {
    listed.push_back(fmt::format("{} ({} row{})", rows.optional_text(i, 0).value_or("NULL"),
                                 rows.text(i, 1), rows.integer(i, 1) == 1 ? "" : "s"));
  }
  const std::int64_t more = rows.integer(0, 3) - rows.rows();
  if (more > 0) listed.push_back(fmt::format("and {} more", more));
  const std::int64_t total = rows.integer(0, 2);
  context.refuse(
      work.label,
      fmt::format("{} row{} a {} that lookup {} does not have: {}", total,
                  total == 1 ? " has" : "s have", key->name, lookup->name, join(listed, ", ")),
      fmt::format("add them to {}, or say with otherwise what such rows get", lookup->file));
}

/// The table's own constraints say that every row has a parent.
bool parent_is_certain(const ValueWork& work, const sql::Table& parent, const std::string& key) {
  const sql::Column* via = work.table->column(work.source->key);
  if (via == nullptr || !via->not_null) return false;
  return std::any_of(work.table->foreign_keys.begin(), work.table->foreign_keys.end(),
                     [&](const sql::ForeignKey& fk) {
                       return fk.validated && fk.columns == std::vector{via->name} &&
                              fk.referenced == parent.name &&
                              fk.referenced_columns == std::vector{key};
                     });
}

void check_parents(PreflightContext& context, const ValueWork& work) {
  const auto name = resolve_name(work.source->parent, context.spec.schema);
  const sql::Table* parent = context.catalog.table(name);
  if (parent == nullptr) return;
  const auto key = parent_key(*work.table, work.source->key, *parent);
  if (!key) return;
  const std::string& wanted = work.parent_column();
  const auto values = context.scope.values();
  const bool migrated = std::any_of(values.begin(), values.end(), [&](const ValueWork* other) {
    return other->table == parent && other->name == wanted && other->needs_value;
  });
  const sql::Column* value = parent->column(wanted);
  if (!migrated && value == nullptr) {
    context.refuse(work.label,
                   fmt::format("its parent {} has no column {}, and the job does not add one",
                               name.display(context.spec.schema), wanted),
                   "list the parent as well, or name another source");
    return;
  }
  const bool may_be_null = !migrated && !value->not_null;
  if (!may_be_null && parent_is_certain(work, *parent, *key)) return;
  const std::string via = "t." + quote_identifier(work.source->key);
  const sql::Result counts = context.connection.execute(fmt::format(
      "SELECT count(*) FILTER (WHERE {0} IS NULL), count(*) FILTER (WHERE {0} IS NOT NULL) FROM "
      "{1} AS t WHERE {2} AND NOT EXISTS (SELECT FROM {3} AS p WHERE p.{4} = {0}{5})",
      via, work.table->name.quoted(), pending(work), name.quoted(), quote_identifier(*key),
      may_be_null ? fmt::format(" AND p.{} IS NOT NULL", quote_identifier(wanted)) : ""));
  const std::int64_t without = counts.integer(0, 0);
  const std::int64_t dangling = counts.integer(0, 1);
  if (without == 0 && dangling == 0) return;
  context.refuse(
      work.label,
      fmt::format("{} of its rows have no {}, and {} have one without a row in {} that "
                  "has a value",
                  without, work.source->key, dangling, name.display(context.spec.schema)),
      "correct the rows, or say with otherwise what such rows get");
}

}  // namespace

void check_value_rows(PreflightContext& context, const std::vector<ValueWork>& values) {
  for (const ValueWork& work : values) {
    if (!work.needs_value) continue;
    if (work.source == nullptr) {
      context.refuse(work.label, "nothing says which value its rows get",
                     "give the table or [tenant] a value");
      continue;
    }
    if (work.source->kind == SourceKind::kSql) check_expression(context, work);
    guarded(context, work.label, [&] {
      if (must_find(work, SourceKind::kLookup)) check_lookup_keys(context, work);
      if (must_find(work, SourceKind::kParent)) check_parents(context, work);
    });
  }
}

}  // namespace pgbackfill::planner
