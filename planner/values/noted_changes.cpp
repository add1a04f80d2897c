#include "planner/values/noted_changes.hpp"

#include "planner/backfill/reconcile_sql.hpp"
#include "planner/values/value_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace pgbackfill::planner {
namespace {

using sql::quote_identifier;
using sql::quote_literal;

/// From 2 MB on, some 20 000 rows, a table's own lock records cost more than two more steps.
constexpr std::int64_t kFewestBlocks = 256;

/// The job itself sets one of the columns.
bool job_fills(const PlanContext& context, const ValueWork& work,
               const std::vector<std::string>& columns) {
  const auto values = context.scope.values();
  return std::any_of(values.begin(), values.end(), [&](const ValueWork* other) {
    return other->table == work.table && other->needs_value &&
           std::find(columns.begin(), columns.end(), other->name) != columns.end();
  });
}

std::string row_image(std::string_view row, const std::vector<std::string>& columns) {
  std::vector<std::string> fields;
  for (const std::string& column : columns) {
    fields.push_back(fmt::format("{}.{}", row, quote_identifier(column)));
  }
  return fmt::format("ROW({})::record", join(fields, ", "));
}

}  // namespace

std::string columns_differ(const std::vector<std::string>& columns) {
  return fmt::format("{} OPERATOR(pg_catalog.*<>) {}", row_image("OLD", columns),
                     row_image("NEW", columns));
}

std::string note_trigger(const ValueWork& work) { return value_trigger("note", work); }

NotedChanges::NotedChanges(const ValueWork& work, std::vector<std::string> inputs)
    : work_(&work),
      inputs_(std::move(inputs)),
      key_(row_key(*work.table)),
      notes_(ledger_function("noted", work.table->name, work.detail()).quoted()),
      function_(ledger_function("note", work.table->name, work.detail()).quoted()) {}

bool NotedChanges::suit(const PlanContext& context, const ValueWork& work,
                        const std::vector<std::string>& inputs) {
  const sql::Table& table = *work.table;
  return !inputs.empty() && table.kind == 'r' && !table.is_partition &&
         table.blocks >= kFewestBlocks && table.row_key() != nullptr && !table.updates_set_more &&
         !job_fills(context, work, inputs);
}

std::vector<std::string> NotedChanges::create() const {
  std::string columns;
  std::string names;
  std::string values;
  int number = 0;
  for (const KeyColumn& key : key_) {
    ++number;
    columns += fmt::format("k{} {}, ", number, key.type);
    names += fmt::format("k{}, ", number);
    values += fmt::format("NEW.{}, ", quote_identifier(key.name));
  }
  return {fmt::format("CREATE TABLE IF NOT EXISTS {} (change bigint GENERATED ALWAYS AS IDENTITY, "
                      "{}own boolean NOT NULL)",
                      notes_, columns),
          // Whoever changes a row runs it, so it must not need a privilege of theirs.
          fmt::format(
              "CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER "
              "SET search_path = pg_catalog, pg_temp AS {}",
              function_,
              quote_literal(fmt::format("BEGIN\n"
                                        "  INSERT INTO {} ({}own) VALUES ({}{});\n"
                                        "  RETURN NULL;\n"
                                        "END",
                                        notes_, names, values, columns_differ({work_->name})))),
          create_trigger()};
}

std::string NotedChanges::create_trigger() const {
  // A row whose key changes is noted too, as it must be found by its key.
  std::vector<std::string> columns = inputs_;
  for (const KeyColumn& key : key_) {
    if (std::find(columns.begin(), columns.end(), key.name) == columns.end()) {
      columns.push_back(key.name);
    }
  }
  return fmt::format(
      "CREATE TRIGGER {} AFTER UPDATE OF {} ON {} FOR EACH ROW WHEN ({}) EXECUTE FUNCTION {}()",
      quote_identifier(note_trigger(*work_)), quoted_list(columns), work_->table->name.quoted(),
      columns_differ(columns), function_);
}

std::vector<std::string> NotedChanges::stop() const {
  return drop_trigger(*work_->table, note_trigger(*work_));
}

std::vector<std::string> NotedChanges::drop() const {
  std::vector<std::string> statements = stop();
  statements.push_back(fmt::format("DROP FUNCTION IF EXISTS {}()", function_));
  statements.push_back(fmt::format("DROP TABLE IF EXISTS {}", notes_));
  return statements;
}

std::string NotedChanges::find_stale(const Assignment& assignment, const std::string& filled,
                                     std::int64_t limit) const {
  std::string noted;
  std::string same;
  int number = 0;
  for (const KeyColumn& key : key_) {
    const bool first = number++ == 0;
    noted += fmt::format("{}k{}", first ? "" : ", ", number);
    same += fmt::format("{}t.{} = n.k{}", first ? "" : " AND ", quote_identifier(key.name), number);
  }
  const ValueJoin source = computed_source(filled);
  return fmt::format(
      "SELECT {0} FROM (SELECT DISTINCT ON ({1}) {1}, own FROM {2} ORDER BY {1}, change DESC) AS n "
      "JOIN {3} AS t ON {4} CROSS JOIN {5} AS s WHERE {6} IS DISTINCT FROM {7} "
      "AND NOT ({7} IS NULL AND n.own) LIMIT {8}",
      key_as_text(key_), noted, notes_, work_->table->name.quoted(), same, source.from,
      target(assignment), source.value, limit);
}

}  // namespace pgbackfill::planner
