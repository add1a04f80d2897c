#include "planner/operations/tenant/cross_tenant.hpp"
#include "planner/operations/tenant/expression_reads.hpp"
#include "planner/operations/tenant/tenant_checks.hpp"
#include "planner/operations/tenant/tenant_plan.hpp"
#include "planner/preflight/preflight_context.hpp"
#include "planner/spec_resolution.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

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
std::string pending(const PreflightContext& context, const TableWork& work) {
  if (work.column == nullptr) return "true";
  return fmt::format("t.{} IS NULL", quote_identifier(context.spec.tenant->column));
}

bool must_find(const TableWork& work, SourceKind kind) {
  return work.needs_value && work.source != nullptr && work.source->kind == kind &&
         work.source->otherwise.kind == Otherwise::Kind::kFail;
}

/// The expression speaks of a tenant column that the job itself is going to add.
bool awaits_tenant_column(const PreflightContext& context, const sql::Error& error) {
  const std::string& column = context.spec.tenant->column;
  return error.sqlstate() == "42703" &&
         error.diagnostics().message.find(column) != std::string::npos &&
         std::any_of(context.scope.tables.begin(), context.scope.tables.end(),
                     [](const TableWork& work) { return work.column == nullptr; });
}

std::string explain(const PreflightContext& context, const TableWork& work) {
  return fmt::format("EXPLAIN SELECT (SELECT ({}) FROM (SELECT t.*) AS {})::{} FROM {} AS t",
                     work.source->expression, quote_identifier(work.table->name.name),
                     work.column == nullptr ? context.tenant_type : work.column->type,
                     work.table->name.quoted());
}

/// Asks again with temporary tables that have the column in place of the tables that lack it.
void explain_with_stand_ins(PreflightContext& context, const TableWork& work) {
  sql::Transaction undone(context.connection);
  create_stand_ins(context.connection, context.spec, context.scope, context.tenant_type,
                   work.source->expression);
  context.connection.execute(explain(context, work));
}

void check_expression(PreflightContext& context, const TableWork& work) {
  try {
    try {
      context.connection.execute(explain(context, work));
    } catch (const sql::Error& error) {
      if (error.connection_lost() || !awaits_tenant_column(context, error)) throw;
      explain_with_stand_ins(context, work);
    }
  } catch (const sql::Error& error) {
    if (error.connection_lost()) throw;
    const std::string& message = error.diagnostics().message;
    if (awaits_tenant_column(context, error)) {
      context.warn(work.label,
                   fmt::format("its sql value cannot be checked before {} exists: {}",
                               context.spec.tenant->column, message),
                   "name tables without their schema, so that it can");
      return;
    }
    context.refuse(work.label,
                   fmt::format("the server does not accept its sql value as {}: {}",
                               context.tenant_type, message),
                   "correct the expression in the migration file");
  }
}

void check_expressions(PreflightContext& context) {
  for (const TableWork& work : context.scope.tables) {
    if (work.needs_value && work.source != nullptr && work.source->kind == SourceKind::kSql) {
      check_expression(context, work);
    }
  }
}

/// Values that must exist in tenant.references, each with where it was written.
using WantedValues = std::map<std::string, std::string>;

std::string place_of(const Position& position) {
  if (position.line == 0) return "migration file";
  return fmt::format("{}:{}", position.file, position.line);
}

WantedValues wanted_values(const PreflightContext& context) {
  WantedValues values;
  for (const TableWork& work : context.scope.tables) {
    if (!work.needs_value || work.source == nullptr) continue;
    const ValueSource& source = *work.source;
    if (source.kind == SourceKind::kConstant) {
      values.emplace(source.constant, place_of(source.position));
    }
    if (source.otherwise.kind == Otherwise::Kind::kConstant) {
      values.emplace(source.otherwise.constant, place_of(source.position));
    }
    const LookupSpec* lookup =
        source.kind == SourceKind::kLookup ? context.spec.lookup(source.lookup) : nullptr;
    if (lookup == nullptr) continue;
    for (std::size_t i = 0; i < lookup->entries.size(); ++i) {
      const int line = i < lookup->lines.size() ? lookup->lines[i] : 0;
      values.emplace(lookup->entries[i].second, fmt::format("{}:{}", lookup->file, line));
    }
  }
  return values;
}

/// What a query of organizations gives for the referenced column; nothing when it does not run,
/// which is told where it is asked for.
std::vector<std::string> queried_values(const PreflightContext& context, const std::string& query) {
  std::vector<std::string> values;
  try {
    const sql::Result rows = context.connection.execute(
        fmt::format("SELECT q.{}::text FROM ({}) AS q",
                    quote_identifier(context.spec.tenant->references_column), query));
    for (int i = 0; i < rows.rows(); ++i) values.emplace_back(rows.text(i, 0));
  } catch (const sql::Error& error) {
    if (error.connection_lost()) throw;
  }
  return values;
}

/// Values of the referenced column that the job itself is going to insert.
std::vector<std::string> ensured_values(const PreflightContext& context) {
  std::vector<std::string> values;
  for (const ComingValue& coming : context.scope.of<ComingValue>()) {
    if (coming.table != context.scope.references) continue;
    if (!coming.query.empty()) {
      append(values, queried_values(context, coming.query));
    } else if (coming.column == context.spec.tenant->references_column) {
      values.push_back(coming.value);
    }
  }
  return values;
}

void check_organizations(PreflightContext& context) {
  const WantedValues wanted = wanted_values(context);
  if (wanted.empty()) return;
  std::vector<std::string> values;
  for (const auto& [value, place] : wanted) values.push_back(value);
  const std::string references = context.scope.references.quoted();
  const std::string column = quote_identifier(context.spec.tenant->references_column);
  const std::string label = context.scope.references.display(context.spec.schema);
  const sql::Result missing = context.connection.execute(
      fmt::format("SELECT v FROM unnest($1::text[]) AS v WHERE NOT EXISTS (SELECT FROM {0} AS r "
                  "WHERE r.{1} = v::{2}) AND NOT EXISTS (SELECT FROM unnest($2::text[]) AS e WHERE "
                  "e::{2} = v::{2}) ORDER BY v",
                  references, column, context.tenant_type),
      {sql::text_array_literal(values), sql::text_array_literal(ensured_values(context))});
  if (missing.rows() == 0) return;
  std::vector<std::string> listed;
  for (int i = 0; i < std::min(missing.rows(), kMaxListed); ++i) {
    const std::string value(missing.text(i, 0));
    const auto found = wanted.find(value);
    listed.push_back(fmt::format("{} ({})", value, found == wanted.end() ? "?" : found->second));
  }
  if (missing.rows() > kMaxListed) {
    listed.push_back(fmt::format("and {} more", missing.rows() - kMaxListed));
  }
  context.refuse(label,
                 fmt::format("{} value{} that rows are to get {} not in it: {}", missing.rows(),
                             missing.rows() == 1 ? "" : "s", missing.rows() == 1 ? "is" : "are",
                             join(listed, ", ")),
                 "insert them first, or have [[ensure]] do it");
}

void check_lookup_keys(PreflightContext& context, const TableWork& work) {
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
          column, work.table->name.quoted(), key_type, compared, pending(context, work),
          kMaxListed),
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
bool parent_is_certain(const TableWork& work, const sql::Table& parent, const std::string& key) {
  const sql::Column* via = work.table->column(work.source->key);
  if (via == nullptr || !via->not_null) return false;
  return std::any_of(work.table->foreign_keys.begin(), work.table->foreign_keys.end(),
                     [&](const sql::ForeignKey& fk) {
                       return fk.validated && fk.columns == std::vector{via->name} &&
                              fk.referenced == parent.name &&
                              fk.referenced_columns == std::vector{key};
                     });
}

void check_parents(PreflightContext& context, const TableWork& work) {
  const auto name = resolve_name(work.source->parent, context.spec.schema);
  const sql::Table* parent = context.catalog.table(name);
  if (parent == nullptr) return;
  const auto key = parent_key(*work.table, work.source->key, *parent);
  if (!key) return;
  const std::string& tenant = context.spec.tenant->column;
  const bool migrated = std::any_of(
      context.scope.tables.begin(), context.scope.tables.end(),
      [&](const TableWork& other) { return other.table == parent && other.needs_value; });
  const sql::Column* value = parent->column(tenant);
  if (!migrated && value == nullptr) {
    context.refuse(work.label,
                   fmt::format("its parent {} has no column {} and is not a [[table]] of the job",
                               name.display(context.spec.schema), tenant),
                   "list the parent as well, or name another source");
    return;
  }
  const bool may_be_null = !migrated && !value->not_null;
  if (!may_be_null && parent_is_certain(work, *parent, *key)) return;
  const std::string via = "t." + quote_identifier(work.source->key);
  const sql::Result counts = context.connection.execute(fmt::format(
      "SELECT count(*) FILTER (WHERE {0} IS NULL), count(*) FILTER (WHERE {0} IS NOT NULL) FROM "
      "{1} AS t WHERE {2} AND NOT EXISTS (SELECT FROM {3} AS p WHERE p.{4} = {0}{5})",
      via, work.table->name.quoted(), pending(context, work), name.quoted(), quote_identifier(*key),
      may_be_null ? fmt::format(" AND p.{} IS NOT NULL", quote_identifier(tenant)) : ""));
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

void check_tenant_data(PreflightContext& context) {
  if (!context.spec.tenant) return;
  check_expressions(context);
  guarded(context, context.scope.references.display(context.spec.schema),
          [&] { check_organizations(context); });
  for (const TableWork& work : context.scope.tables) {
    if (work.needs_value && work.source == nullptr) {
      context.refuse(work.label, "nothing says which value its rows get",
                     "give the table or [tenant] a value");
      continue;
    }
    guarded(context, work.label, [&] {
      if (must_find(work, SourceKind::kLookup)) check_lookup_keys(context, work);
      if (must_find(work, SourceKind::kParent)) check_parents(context, work);
    });
  }
  check_cross_tenant(context);
}

}  // namespace pgbackfill::planner
