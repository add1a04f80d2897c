#include "planner/backfill/batch_sql.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pgbackfill::planner {
namespace {

constexpr std::string_view kStage = "pg_temp.pgbackfill_stage";
/// Rows of a source up to which hashing it anew for each batch costs less than to look up each row
/// of the batch in its index.
constexpr double kHashedRows = 1000;
constexpr std::string_view kTidRange = "t.ctid >= $7::tid AND t.ctid < $8::tid";

std::string column(std::string_view name) { return "t." + sql::quote_identifier(name); }

std::string from_table(const TableBackfill& table) { return table.table.quoted() + " AS t"; }

std::string key_list(const TableBackfill& table) {
  std::string list;
  for (const KeyColumn& key : table.key) {
    if (!list.empty()) list += ", ";
    list += column(key.name);
  }
  return list;
}

std::string key_row(const TableBackfill& table) {
  return table.key.size() == 1 ? key_list(table) : "(" + key_list(table) + ")";
}

std::string key_value(const TableBackfill& table, const std::vector<std::string>& values) {
  std::string list;
  for (std::size_t i = 0; i < table.key.size(); ++i) {
    if (i > 0) list += ", ";
    list += sql::quote_literal(values.at(i)) + "::" + table.key[i].type;
  }
  return table.key.size() == 1 ? list : "(" + list + ")";
}

std::string block_tid(const std::string& block) { return fmt::format("'({},0)'::tid", block); }

/// The bounds as a predicate, beginning with a condition that is always there.
std::string within(const TableBackfill& table, const Bounds& bounds, bool after_lower) {
  std::string predicate = "true";
  const bool by_block = table.order == ReadOrder::kBlock;
  const std::string key = by_block ? "t.ctid" : key_row(table);
  const auto value = [&](const std::vector<std::string>& bound) {
    return by_block ? block_tid(bound.at(0)) : key_value(table, bound);
  };
  if (!bounds.lower.empty()) {
    predicate += fmt::format(" AND {} {} {}", key, after_lower ? ">" : ">=", value(bounds.lower));
  }
  if (!bounds.upper.empty()) predicate += fmt::format(" AND {} < {}", key, value(bounds.upper));
  return predicate;
}

std::string with_otherwise(const Assignment& assignment) {
  if (assignment.otherwise.kind != Otherwise::Kind::kConstant) return assignment.expression;
  return fmt::format("COALESCE({}, {}::{})", assignment.expression,
                     sql::quote_literal(assignment.otherwise.constant), assignment.type);
}

/// A column that two of a table's assignments set in one UPDATE may be filled for one and
/// pending for the other: what is there stays.
std::string set_clause(const Assignment& assignment, const std::string& value, bool alone) {
  const std::string target = sql::quote_identifier(assignment.column);
  if (alone) return fmt::format("{} = {}", target, value);
  return fmt::format("{} = COALESCE(t.{}, {})", target, target, value);
}

std::string staged_value(const Assignment& assignment, std::size_t index) {
  if (value_wire_type(assignment) != sql::WireType::kOther) return fmt::format("s.v{}", index);
  return fmt::format("s.v{}::{}", index, assignment.type);
}

/// A row that lacks one column only counts when the stage has a value for just that one.
std::string staged_pending(const TableBackfill& table) {
  std::string any;
  for (std::size_t i = 0; i < table.assignments.size(); ++i) {
    if (i > 0) any += " OR ";
    any += fmt::format("({} AND s.v{} IS NOT NULL)", table.assignments[i].pending, i);
  }
  return "(" + any + ")";
}

/// The assignment whose source an UPDATE of many rows joins; nullptr: every value is an expression
/// of its own. Only one, for a row must find its partner in every source that is joined.
const Assignment* joined(const TableBackfill& table) {
  const auto found = std::find_if(table.assignments.begin(), table.assignments.end(),
                                  [](const Assignment& a) { return a.join.has_value(); });
  return found == table.assignments.end() ? nullptr : &*found;
}

/// Rows whose value the server cannot tell are left as they are, not rewritten as NULL.
std::string computable(const TableBackfill& table, const Assignment* by_join) {
  std::string any;
  for (const Assignment& assignment : table.assignments) {
    if (!any.empty()) any += " OR ";
    any += "(" + assignment.pending;
    const bool always = assignment.resolve == ResolveKind::kConstant ||
                        assignment.otherwise.kind == Otherwise::Kind::kConstant;
    const std::string& value =
        &assignment == by_join ? assignment.join->value : assignment.expression;
    // IS NOT NULL would ask every attribute of a row value.
    if (!always) any += fmt::format(" AND {} IS DISTINCT FROM NULL", value);
    any += ")";
  }
  return "(" + any + ")";
}

std::string update(const TableBackfill& table, const Assignment* by_join,
                   const std::string& where) {
  std::string set;
  const bool alone = table.assignments.size() == 1;
  for (const Assignment& assignment : table.assignments) {
    if (!set.empty()) set += ", ";
    set += set_clause(assignment,
                      &assignment == by_join ? assignment.join->value : with_otherwise(assignment),
                      alone);
  }
  const std::string source =
      by_join == nullptr
          ? " WHERE"
          : fmt::format(" FROM {} AS s WHERE {} AND", by_join->join->from, by_join->join->on);
  return fmt::format("UPDATE {} SET {}{} {} AND {}", from_table(table), set, source, where,
                     computable(table, by_join));
}

std::string computed_update(const TableBackfill& table, const std::string& where) {
  return update(table, nullptr, where);
}

/// Leaves rows that find no partner, for the sweep.
std::string joined_update(const TableBackfill& table, const std::string& where) {
  return update(table, joined(table), where);
}

/// Makes an UPDATE of the table, whose last part is its WHERE, a batch. It first locks the range,
/// so that nobody can take it over meanwhile, and does nothing where somebody has. The count of
/// rows that stayed in their page is the session's own, which later transactions add to: hence the
/// difference. "before" waits for "held", "changed" for "before", and "outcome" for "changed".
std::string with_ledger(const TableBackfill& table, const std::string& update) {
  const std::string hot = fmt::format("pg_stat_get_xact_tuples_hot_updated({}::regclass)",
                                      sql::quote_literal(table.table.quoted()));
  return fmt::format(
      "WITH held AS MATERIALIZED (SELECT FROM pgbackfill.range WHERE range_id = $1::bigint "
      "AND owner = $5::bigint AND state <> 'done' FOR NO KEY UPDATE), "
      "before AS MATERIALIZED (SELECT CASE WHEN current_setting('track_counts')::boolean "
      "THEN {0} END AS hot FROM held), "
      "changed AS ({1} AND (SELECT count(*) FROM before) = 1 RETURNING 1), "
      "counted AS MATERIALIZED (SELECT count(*) AS rows FROM changed), "
      "outcome AS MATERIALIZED "
      "(SELECT counted.rows, {0} - before.hot AS hot FROM counted, before) "
      "UPDATE pgbackfill.range AS r SET rows = r.rows + o.rows, hot = r.hot + o.hot, "
      "found = r.found + $2::bigint, batches = r.batches + 1, "
      "cursor = coalesce($3::text[], r.cursor), state = $4, "
      "lease = clock_timestamp() + $6::integer * interval '1 millisecond' FROM outcome AS o WHERE "
      "r.range_id = $1::bigint "
      "RETURNING o.rows, o.hot",
      hot, update);
}

}  // namespace

sql::WireType value_wire_type(const Assignment& assignment) {
  return sql::wire_type(assignment.type);
}

sql::WireType input_wire_type(const Assignment& assignment) {
  return sql::wire_type(assignment.input_type);
}

bool reads_column(const Assignment& assignment) {
  return assignment.resolve != ResolveKind::kConstant;
}

bool finds_by_key(const TableBackfill& table) {
  return table.order == ReadOrder::kKey || table.clustered;
}

std::string stage_ddl(const TableBackfill& table) {
  const bool by_key = finds_by_key(table);
  std::string columns = by_key ? "" : "r tid, ";
  std::string identity = by_key ? "" : "r, ";
  for (std::size_t i = 0; by_key && i < table.key.size(); ++i) {
    columns += fmt::format("k{} {}, ", i, table.key[i].type);
    identity += fmt::format("k{}, ", i);
  }
  columns += "x xid";
  for (std::size_t i = 0; i < table.assignments.size(); ++i) {
    const bool as_text = value_wire_type(table.assignments[i]) == sql::WireType::kOther;
    columns += fmt::format(", v{} {}", i, as_text ? "text" : table.assignments[i].type);
  }
  // Analyzed with one row in it, the stage counts as tiny for good. The plan of a batch then goes
  // from it into the key's index, or hashes it, rather than every pending row of the table.
  return fmt::format(
      "DROP TABLE IF EXISTS {0}; "
      "CREATE TEMPORARY TABLE pgbackfill_stage ({1}) ON COMMIT DELETE ROWS; "
      "INSERT INTO {0} ({2}x) SELECT {3}, t.xmin FROM {4} LIMIT 1; ANALYZE {0}",
      kStage, columns, identity, by_key ? key_list(table) : "t.ctid", from_table(table));
}

std::string stage_copy(const TableBackfill&) {
  return fmt::format("COPY {} FROM STDIN (FORMAT binary)", kStage);
}

std::string read_rows(const TableBackfill& table, const Bounds& bounds, bool after_lower,
                      std::int64_t limit) {
  std::string columns = "t.ctid";
  std::string order;
  if (finds_by_key(table)) columns += ", " + key_list(table);
  if (table.order == ReadOrder::kKey) {
    for (const KeyColumn& key : table.key) columns += fmt::format(", {}::text", column(key.name));
    order = " ORDER BY " + key_list(table);
  }
  columns += ", t.xmin";
  for (const Assignment& assignment : table.assignments) {
    if (!reads_column(assignment)) continue;
    if (assignment.resolve == ResolveKind::kServer) {
      const bool as_text = value_wire_type(assignment) == sql::WireType::kOther;
      columns += fmt::format(", ({})::{}{}", assignment.expression, assignment.type,
                             as_text ? "::text" : "");
    } else {
      const bool as_text = input_wire_type(assignment) == sql::WireType::kOther;
      columns += ", " + column(assignment.input) + (as_text ? "::text" : "");
    }
  }
  return fmt::format(
      "COPY (SELECT {} FROM {} WHERE {} AND {}{} LIMIT {}) TO STDOUT (FORMAT binary)", columns,
      from_table(table), within(table, bounds, after_lower), pending_predicate(table), order,
      limit);
}

std::string read_upper_key(const TableBackfill& table, const Bounds& bounds, bool after_lower,
                           std::int64_t rows) {
  std::string columns;
  for (const KeyColumn& key : table.key) {
    if (!columns.empty()) columns += ", ";
    columns += column(key.name) + "::text";
  }
  return fmt::format("SELECT {} FROM {} WHERE {} ORDER BY {} OFFSET {} LIMIT 1", columns,
                     from_table(table), within(table, bounds, after_lower), key_list(table), rows);
}

std::string write_copied(const TableBackfill& table) {
  std::string set;
  const bool alone = table.assignments.size() == 1;
  for (std::size_t i = 0; i < table.assignments.size(); ++i) {
    if (i > 0) set += ", ";
    set += set_clause(table.assignments[i], staged_value(table.assignments[i], i), alone);
  }
  std::string where;
  if (finds_by_key(table)) {
    for (std::size_t i = 0; i < table.key.size(); ++i) {
      where += fmt::format("{}{} = s.k{}", i > 0 ? " AND " : "", column(table.key[i].name), i);
    }
  } else {
    where = fmt::format("{} AND t.ctid = s.r", kTidRange);
  }
  return with_ledger(table,
                     fmt::format("UPDATE {} SET {} FROM {} AS s WHERE {} AND t.xmin = s.x AND {}",
                                 from_table(table), set, kStage, where, staged_pending(table)));
}

std::string write_computed_blocks(const TableBackfill& table) {
  // tidsend() ends with the line pointer's offset, low byte last: a stride that is exact up to
  // 255 lines a page and still a partition of the rows above.
  return with_ledger(table,
                     joined_update(table, fmt::format("{} AND ($9::integer = 1 OR get_byte(tidsend("
                                                      "t.ctid), 5) % $9::integer = $10::integer)",
                                                      kTidRange)));
}

std::string write_moving(const TableBackfill& table) {
  if (table.key.empty()) return with_ledger(table, computed_update(table, std::string(kTidRange)));
  return with_ledger(
      table, computed_update(table, fmt::format("{} IN (SELECT {} FROM {} WHERE {} AND {})",
                                                key_row(table), key_list(table), from_table(table),
                                                kTidRange, computable(table, nullptr))));
}

std::string write_computed_keys(const TableBackfill& table, const Bounds& bounds,
                                bool after_lower) {
  return with_ledger(table, joined_update(table, within(table, bounds, after_lower)));
}

bool hashes_source(const TableBackfill& table) {
  const Assignment* assignment = joined(table);
  return assignment != nullptr && assignment->join->rows <= kHashedRows;
}

std::string update_all(const TableBackfill& table) { return computed_update(table, "true"); }

std::vector<std::string> batch_statements(const TableBackfill& table) {
  std::vector<std::string> statements;
  if (table.method != Method::kUpdate) {
    statements = {stage_ddl(table), stage_copy(table), write_copied(table)};
  } else if (table.order == ReadOrder::kBlock) {
    statements = {write_computed_blocks(table)};
  }
  statements.push_back(table.order == ReadOrder::kBlock ? write_moving(table)
                                                        : write_computed_keys(table, {}, false));
  return statements;
}

std::string pending_predicate(const TableBackfill& table) {
  std::string any;
  for (const Assignment& assignment : table.assignments) {
    if (!any.empty()) any += " OR ";
    any += table.assignments.size() == 1 ? assignment.pending : "(" + assignment.pending + ")";
  }
  return "(" + any + ")";
}

std::string count_computable(const TableBackfill& table) {
  return fmt::format("SELECT count(*) FROM {} WHERE {}", from_table(table),
                     computable(table, nullptr));
}

std::string count_pending(const TableBackfill& table) {
  return fmt::format("SELECT count(*) FROM {} WHERE {}", from_table(table),
                     pending_predicate(table));
}

std::string row_label(const TableBackfill& table) {
  if (table.key.empty()) return "'ctid ' || t.ctid::text";
  std::string label;
  for (const KeyColumn& key : table.key) {
    if (!label.empty()) label += " || ', ' || ";
    label += column(key.name) + "::text";
  }
  return label;
}

std::string pending_keys(const TableBackfill& table, std::int64_t limit) {
  return fmt::format("SELECT {} FROM {} WHERE {} LIMIT {}", row_label(table), from_table(table),
                     pending_predicate(table), limit);
}

std::string key_extent(const TableBackfill& table) {
  const std::string key = column(table.key.at(0).name);
  return fmt::format("SELECT min({0}), max({0}) FROM {1}", key, from_table(table));
}

std::string key_boundaries(const TableBackfill& table, std::int64_t pieces,
                           std::int64_t sample_rows) {
  std::string texts;
  for (std::size_t i = 0; i < table.key.size(); ++i) {
    texts += fmt::format("{}k{}::text", i > 0 ? ", " : "", i);
  }
  std::string keys;
  std::string order;
  for (std::size_t i = 0; i < table.key.size(); ++i) {
    keys += fmt::format("{}{} AS k{}", i > 0 ? ", " : "", column(table.key[i].name), i);
    order += fmt::format("{}k{}", i > 0 ? ", " : "", i);
  }
  const double percent =
      std::clamp(100.0 * static_cast<double>(sample_rows) / std::max(1.0, table.estimated_rows),
                 0.0001, 100.0);
  return fmt::format(
      "SELECT {0} FROM (SELECT *, row_number() OVER w AS n, count(*) OVER () AS total "
      "FROM (SELECT {1} FROM {2} TABLESAMPLE SYSTEM ({3:.4f})) AS sample "
      "WINDOW w AS (ORDER BY {4})) AS numbered "
      "WHERE n > 1 AND (n - 1) * {5} / total <> (n - 2) * {5} / total ORDER BY {4}",
      texts, keys, from_table(table), percent, order, std::max<std::int64_t>(pieces, 1));
}

}  // namespace pgbackfill::planner
