#pragma once

#include "planner/plan/plan.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace pgbackfill::planner {

/// A value that an expression over the row t gives, as a source.
ValueJoin computed_source(const std::string& expression);

/// The column of the row t, as what the value is: no operator takes a domain over an enum type.
std::string target(const Assignment& assignment);

/// The columns of a key of the row t as text, as find_stale() gives them.
std::string key_as_text(const std::vector<KeyColumn>& key);

/// Rows whose column differs from what its source says now, by their key (else their ctid) as
/// text columns. Rows that the source has no value for are not among them: what `otherwise` gave
/// them, or the application itself, stands.
std::string find_stale(const TableBackfill& table, const Assignment& assignment,
                       const ValueJoin& source, std::int64_t limit);

/// Gives rows found so their source's value. Parameters: one text[] for each column that
/// find_stale() returns. A row that is being changed is waited for and judged anew (by its key;
/// by ctid it is passed by and found again).
std::string mend_stale(const TableBackfill& table, const Assignment& assignment);

/// Gives rows found so the value of an expression over the row t, which may be NULL. Parameters and
/// waiting as those of mend_stale().
std::string mend_to(const TableBackfill& table, const Assignment& assignment,
                    const std::string& expression);

/// Counts rows that the source has no value for and that hold another value than `otherwise`
/// gives: their own, or what a source that is gone once said.
std::string count_unsourced(const TableBackfill& table, const Assignment& assignment,
                            const ValueJoin& source);

}  // namespace pgbackfill::planner
