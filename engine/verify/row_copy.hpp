#pragma once

#include "sql/catalog.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace pgbackfill::engine {

/// A row that is there, and which of its columns differ from the row that it was copied from.
struct CopiedRow {
  std::map<std::string, std::string> values;  ///< as text; NULLs are left out
  std::set<std::string> changed;
};

/// How to insert a copy of a row (alias t) beside it: what each column gets.
struct RowCopy {
  std::vector<std::string> columns;
  std::vector<std::string> expressions;
  std::set<std::string> changed;
  /// A unique index of which no column can be given another value; empty: there is none.
  std::string obstacle;

  /// INSERT … SELECT of the copy of the row at $1 (tableoid) and $2 (ctid); returns tableoid and
  /// ctid, then every column as text. `without`: a column to leave out.
  std::string insert(const sql::Table& table, const std::string& without = {}) const;
};

/// `given` are expressions for columns whose values are decided already; the columns of unique
/// indexes get others than they had. Columns `must_change` do whatever the indexes say.
RowCopy plan_copy(const sql::Table& table, const std::map<std::string, std::string>& given,
                  const std::set<std::string>& given_changes,
                  const std::set<std::string>& must_change = {});

}  // namespace pgbackfill::engine
