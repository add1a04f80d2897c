#include "planner/plan/step_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace pgbackfill::planner {

using sql::quote_identifier;
using sql::quote_literal;

Step make_step(Stage stage, std::string_view subject, std::string_view what,
               std::string_view detail) {
  Step step;
  step.stage = stage;
  step.table = subject;
  step.id = fmt::format("{}:{}:{}", to_string(stage), subject, what);
  if (!detail.empty()) step.id += fmt::format(":{}", detail);
  return step;
}

const Step* PlanContext::step(std::string_view id) const {
  // Operations take steps off the end again, to put them elsewhere.
  if (seen_up_to > plan.steps.size() ||
      (seen_up_to > 0 && plan.steps[seen_up_to - 1].id != last_seen)) {
    seen.clear();
    seen_up_to = 0;
  }
  for (; seen_up_to < plan.steps.size(); ++seen_up_to) {
    last_seen = plan.steps[seen_up_to].id;
    seen.emplace(last_seen, seen_up_to);
  }
  const auto found = seen.find(id);
  return found == seen.end() ? nullptr : &plan.steps[found->second];
}

std::string backfill_id(std::string_view label) { return fmt::format("backfill:{}", label); }

std::vector<std::string> backfill_ids(const PlanContext& context, const sql::Table& table) {
  std::vector<std::string> ids;
  for (const sql::Table* leaf : physical_tables(context.catalog, table)) {
    ids.push_back(backfill_id(leaf->name.display(context.spec.schema)));
  }
  return ids;
}

sql::QualifiedName ledger_name(std::string_view kind, std::string_view rest) {
  return {std::string(kLedgerSchema), sql::fit_identifier(fmt::format("{}_{}", kind, rest))};
}

sql::QualifiedName ledger_function(std::string_view kind, const sql::QualifiedName& table,
                                   std::string_view detail) {
  std::string rest = fmt::format("{}.{}", table.schema, table.name);
  if (!detail.empty()) rest += fmt::format(".{}", detail);
  return ledger_name(kind, rest);
}

std::string column_type(const sql::Table& table, const std::string& column) {
  const sql::Column* found = table.column(column);
  return found == nullptr ? "" : found->type;
}

std::vector<KeyColumn> row_key(const sql::Table& table) {
  const sql::Index* index = table.row_key();
  std::vector<KeyColumn> key;
  if (index == nullptr) return key;
  for (const std::string& name : index->columns) key.push_back({name, column_type(table, name)});
  return key;
}

double estimated_rows(const sql::Table& table) {
  // Rows of a page where the server has no statistics yet; only orders and displays.
  constexpr double kRowsPerBlockGuess = 50;
  constexpr double kMany = 1e9;
  if (table.reltuples > 0) return table.reltuples;
  // A partitioned table has no blocks of its own.
  return table.kind == 'p' ? kMany : static_cast<double>(table.blocks) * kRowsPerBlockGuess;
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

void append(std::vector<std::string>& list, std::vector<std::string> more) {
  std::move(more.begin(), more.end(), std::back_inserter(list));
}

std::string quoted_list(const std::vector<std::string>& names) {
  std::vector<std::string> quoted;
  for (const std::string& name : names) quoted.push_back(quote_identifier(name));
  return join(quoted, ", ");
}

std::string literal_list(const std::vector<std::string>& values) {
  std::vector<std::string> quoted;
  for (const std::string& value : values) quoted.push_back(quote_literal(value));
  return join(quoted, ", ");
}

std::string trigger_search_path(const std::string& schema) {
  const std::string own = quote_identifier(schema);
  return schema == "public" ? own + ", pg_temp" : own + ", public, pg_temp";
}

std::vector<std::string> drop_trigger(const sql::Table& table, const std::string& trigger) {
  std::vector<std::string> statements;
  if (table.kind == 'p') {
    statements.push_back(
        fmt::format("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", table.name.quoted()));
  }
  statements.push_back(fmt::format("DROP TRIGGER IF EXISTS {} ON {}", quote_identifier(trigger),
                                   table.name.quoted()));
  return statements;
}

std::vector<std::string> lock_calmly(const std::vector<sql::QualifiedName>& tables,
                                     std::string_view mode) {
  std::vector<std::string> quoted;
  for (const sql::QualifiedName& table : tables) quoted.push_back(table.quoted());
  const std::string list = join(quoted, ", ");
  constexpr std::string_view kDeadlock =
      "extract(epoch FROM current_setting('deadlock_timeout')::interval) * 1000";
  // A vacuum gives way only to who waits for deadlock_timeout; this lock keeps no one else out.
  std::vector<std::string> statements{
      fmt::format("SELECT set_config('lock_timeout', ({} + 500)::integer || 'ms', true)",
                  kDeadlock),
      fmt::format("LOCK TABLE {} IN SHARE UPDATE EXCLUSIVE MODE", list)};
  if (mode == "SHARE UPDATE EXCLUSIVE") return statements;
  // Whoever waits for the first of the tables while the last is waited for must not come to look
  // for a deadlock: it would be the application's transaction that the server ends.
  statements.push_back(fmt::format(
      "SELECT set_config('lock_timeout', greatest({} * 0.8 / {}, 1)::integer || 'ms', true)",
      kDeadlock, tables.size()));
  statements.push_back(fmt::format("LOCK TABLE {} IN {} MODE", list, mode));
  return statements;
}

std::string alter_column(const std::string& column, std::string_view action) {
  return fmt::format("ALTER COLUMN {} {}", quote_identifier(column), action);
}

std::string alter_table(const sql::QualifiedName& table, std::string_view action) {
  return fmt::format("ALTER TABLE {} {}", table.quoted(), action);
}

std::string constant_expression(std::string_view value, std::string_view type) {
  return fmt::format("{}::{}", quote_literal(value), type);
}

namespace probe {
namespace {

std::string regclass(const sql::QualifiedName& name) {
  return fmt::format("to_regclass({})", quote_literal(name.quoted()));
}

std::string attribute(const sql::QualifiedName& table, std::string_view column,
                      std::string_view condition) {
  return fmt::format(
      "SELECT EXISTS (SELECT FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = {} AND a.attname "
      "= {} AND NOT a.attisdropped{})",
      regclass(table), quote_literal(column), condition);
}

/// The one-element key of a column, as pg_constraint keeps it.
std::string attnum_key(const sql::QualifiedName& table, std::string_view column) {
  return fmt::format(
      "ARRAY(SELECT attnum FROM pg_catalog.pg_attribute WHERE attrelid = {} AND attname = {} AND "
      "NOT attisdropped)",
      regclass(table), quote_literal(column));
}

constexpr std::string_view kDefaultText =
    "(SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_catalog.pg_attrdef AS d WHERE d.adrelid = "
    "a.attrelid AND d.adnum = a.attnum)";

}  // namespace

std::string column_exists(const sql::QualifiedName& table, std::string_view column) {
  return attribute(table, column, "");
}

std::string column_not_null(const sql::QualifiedName& table, std::string_view column) {
  // PostgreSQL 18 sets attnotnull even while the constraint is NOT VALID.
  return attribute(table, column,
                   " AND a.attnotnull AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS n "
                   "WHERE n.conrelid = a.attrelid AND n.contype = 'n' AND n.conkey = "
                   "ARRAY[a.attnum] AND NOT n.convalidated)");
}

std::string column_has_default(const sql::QualifiedName& table, std::string_view column) {
  return attribute(table, column, " AND a.atthasdef");
}

std::string default_counts(const sql::QualifiedName& table, std::string_view column) {
  return attribute(table, column,
                   fmt::format(" AND position('pgbackfill.\"filled_' IN {}) > 0", kDefaultText));
}

std::string constraint_exists(const sql::QualifiedName& table, std::string_view name,
                              bool validated) {
  return fmt::format(
      "SELECT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conrelid = {} AND conname = {}{})",
      regclass(table), quote_literal(name), validated ? " AND convalidated" : "");
}

std::string trigger_exists(const sql::QualifiedName& table, std::string_view name) {
  return fmt::format(
      "SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = {} AND tgname = {} AND NOT "
      "tgisinternal)",
      regclass(table), quote_literal(name));
}

std::string trigger_on_update(const sql::QualifiedName& table, std::string_view name) {
  // Bit 4 of tgtype: TRIGGER_TYPE_UPDATE in catalog/pg_trigger.h.
  return fmt::format(
      "SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = {} AND tgname = {} AND NOT "
      "tgisinternal AND tgtype & 16 <> 0)",
      regclass(table), quote_literal(name));
}

std::string relation_exists(const sql::QualifiedName& name) {
  return fmt::format("SELECT {} IS NOT NULL", regclass(name));
}

std::string is_partition(const sql::QualifiedName& table) {
  return fmt::format(
      "SELECT EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = {} AND relispartition)",
      regclass(table));
}

std::string type_exists(const sql::QualifiedName& name) {
  return fmt::format("SELECT to_regtype({}) IS NOT NULL", quote_literal(name.quoted()));
}

std::string index_is(const sql::QualifiedName& index, bool usable) {
  return fmt::format(
      "SELECT EXISTS (SELECT FROM pg_catalog.pg_index WHERE indexrelid = {} AND {}(indisvalid AND "
      "indisready AND indislive))",
      regclass(index), usable ? "" : "NOT ");
}

std::string index_attached(const sql::QualifiedName& leaf, const sql::QualifiedName& parent) {
  return fmt::format(
      "SELECT EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE inhrelid = {} AND inhparent = {})",
      regclass(leaf), regclass(parent));
}

std::string foreign_key_exists(const sql::QualifiedName& table, std::string_view column,
                               const sql::QualifiedName& referenced,
                               std::string_view referenced_column, char on_delete, bool validated) {
  return fmt::format(
      "SELECT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE contype = 'f' AND conrelid = {} "
      "AND confrelid = {} AND conkey = {} AND confkey = {} AND confdeltype = '{}'{})",
      regclass(table), regclass(referenced), attnum_key(table, column),
      attnum_key(referenced, referenced_column), on_delete, validated ? " AND convalidated" : "");
}

std::string no(std::string probe) { return fmt::format("SELECT NOT ({})", std::move(probe)); }

std::string both(std::string one, std::string other) {
  return fmt::format("SELECT ({}) AND ({})", std::move(one), std::move(other));
}

std::string either(std::string one, std::string other) {
  return fmt::format("SELECT ({}) OR ({})", std::move(one), std::move(other));
}

}  // namespace probe

std::string only_if(std::string_view probe, const std::vector<std::string>& statements) {
  return "DO " + quote_literal(fmt::format("BEGIN IF ({}) THEN\n  {};\nEND IF; END", probe,
                                           join(statements, ";\n  ")));
}

}  // namespace pgbackfill::planner
