#pragma once

#include "planner/backfill/splitter.hpp"
#include "planner/plan/plan.hpp"
#include "sql/binary_codec.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace pgbackfill::planner {

/// The statements of one table's data path. The row's table has the alias t.
///
/// Which row version a batch meant is settled by (ctid, xmin) or (key, xmin): when the application
/// changed the row after it was read, the write passes it by and the sweep reads it anew. A tid
/// range (not a list of tids) bounds the write by tid, since only range, sequential and index
/// scans prune the pages they visit.

/// Whether a copied batch finds its rows by the key (whose columns are then in the stage) rather
/// than by tid.
bool finds_by_key(const TableBackfill& table);

/// The temporary table that a batch is copied into: row identity, then v0, v1, … one value per
/// assignment. Values of types whose binary form we do not make travel as text.
std::string stage_ddl(const TableBackfill& table);
/// COPY … FROM STDIN into it.
std::string stage_copy(const TableBackfill& table);

/// How an assignment's value travels in the stage.
sql::WireType value_wire_type(const Assignment& assignment);
/// How its input (kLookup) is read.
sql::WireType input_wire_type(const Assignment& assignment);
/// Whether the reader fetches a column for the assignment (its input, or the server's value).
bool reads_column(const Assignment& assignment);

/// COPY (SELECT …) TO STDOUT of the rows of `bounds` that still need a column: ctid, the key
/// columns where finds_by_key(), the same as text in key order, xmin, then one column per
/// assignment with reads_column(). `after_lower`: bounds.lower itself is already done (key order).
std::string read_rows(const TableBackfill& table, const Bounds& bounds, bool after_lower,
                      std::int64_t limit);
/// The key `rows` rows further on (update method in key order): its columns as text, no row when
/// fewer are left.
std::string read_upper_key(const TableBackfill& table, const Bounds& bounds, bool after_lower,
                           std::int64_t rows);

/// One batch and its ledger row, as one statement to prepare; gives the number of rows changed, or
/// no row, having changed nothing, where the range is done or another process owns it.
/// Parameters: $1 range_id, $2 rows found, $3 cursor (text[]; NULL: as it was), $4 state,
/// $5 owner, $6 milliseconds of its lease; then, unless finds_by_key(), $7 lower and $8 upper tid,
/// and for the update method in block order $9 passes and $10 pass too. The key-order update method
/// takes its bounds as literals.
std::string write_copied(const TableBackfill& table);
std::string write_computed_blocks(const TableBackfill& table);
/// As write_computed_blocks() without passes or join, for late sweeps: a row that is being changed
/// is waited for and found by its key wherever it went (PostgreSQL checks the conditions again on
/// the new version, and a tid is another one there).
std::string write_moving(const TableBackfill& table);
/// As write_computed_blocks(), without passes, by the key.
std::string write_computed_keys(const TableBackfill& table, const Bounds& bounds, bool after_lower);

/// Whether the update method should hash the source that it joins, rather than look its rows up.
bool hashes_source(const TableBackfill& table);

/// Every row that needs a column and whose value the server can tell, at once.
std::string update_all(const TableBackfill& table);

/// What a batch sends, in order, for people to read in the plan: the statements above, the one for
/// late sweeps last.
std::vector<std::string> batch_statements(const TableBackfill& table);

/// Counts rows that still need a column.
std::string count_pending(const TableBackfill& table);
/// Counts those among them for which the server knows a value.
std::string count_computable(const TableBackfill& table);
/// Up to `limit` keys (or ctids) of such rows, as one text column.
std::string pending_keys(const TableBackfill& table, std::int64_t limit);
/// Text expression that names a row of t for people: its key, else its ctid.
std::string row_label(const TableBackfill& table);
/// Any assignment pending, in parentheses.
std::string pending_predicate(const TableBackfill& table);

/// Smallest and largest key of a single-column integer key.
std::string key_extent(const TableBackfill& table);
/// Keys at the boundaries of about `pieces` equal pieces, from a sample of at most about
/// `sample_rows` rows, in key order.
std::string key_boundaries(const TableBackfill& table, std::int64_t pieces,
                           std::int64_t sample_rows);

}  // namespace pgbackfill::planner
