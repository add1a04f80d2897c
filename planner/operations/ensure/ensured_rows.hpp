#pragma once

#include "planner/operations/ensure/ensure_spec.hpp"
#include "sql/catalog.hpp"
#include "sql/connection.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::planner {

/// The rows of an [[ensure]] as a relation, whether they were written down or come from a query.
struct EnsuredRows {
  const EnsureSpec* spec = nullptr;
  const sql::Table* table = nullptr;
  std::string label;                 ///< of the table
  std::vector<std::string> columns;  ///< that the rows give
  /// "(SELECT … ) AS s": the rows, each column of its column's type.
  std::string source;

  /// Condition: the row s of the source and the row `row` of the table have the same key.
  std::string same_key(std::string_view row) const;
  /// Condition: the table has no row of the key of s.
  std::string missing() const;
  /// The key of s (or of a row of the table) as text: "org_id = …, user_id = …".
  std::string shown_key(std::string_view row) const;
};

/// `columns`: what the query gives, for an [[ensure]] with select; else ignored.
EnsuredRows ensured_rows(const EnsureSpec& spec, const sql::Table& table, const std::string& schema,
                         std::vector<std::string> columns);

/// The columns that a query gives, by its description alone. Throws sql::Error as the server does.
std::vector<std::string> query_columns(sql::Connection& connection, const std::string& query);

/// Unique indexes that a new row could meet under another key: complete, checked at once, over
/// columns that the rows give, not the key itself.
std::vector<const sql::Index*> conflicting_indexes(const EnsuredRows& rows);

/// The index's last column that holds a text, which may be renamed; empty: none.
std::string renamable_column(const EnsuredRows& rows, const sql::Index& index);

/// "INSERT …" of the missing rows, which also notes their keys in pgbackfill.ensured for the way
/// back.
std::string insert_missing(const EnsuredRows& rows, const std::string& step_id);
/// Deletes the rows that insert_missing() noted.
std::vector<std::string> delete_inserted(const EnsuredRows& rows, const std::string& step_id);

}  // namespace pgbackfill::planner
