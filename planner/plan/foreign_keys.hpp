#pragma once

#include "sql/connection.hpp"
#include "sql/identifier.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace pgbackfill::planner {

/// A foreign key in parts, so that it can be made again over other columns.
struct ForeignKeyParts {
  std::string name;
  std::string object;  ///< its oid
  sql::QualifiedName table;
  sql::QualifiedName referenced;
  std::vector<std::string> columns;
  std::vector<std::string> referenced_columns;
  std::vector<std::string> cleared;  ///< of ON DELETE SET NULL (…); empty: all
  std::string match_and_update;      ///< clauses, each with a space before it
  std::string on_delete;
  std::string deferrable;
  bool validated = true;
  std::optional<std::string> comment;
};

/// Those from or to the columns: `columns[i]` of `tables[i]`, which is quoted.
std::vector<ForeignKeyParts> foreign_keys_over(sql::Connection& connection,
                                               const std::vector<std::string>& tables,
                                               const std::vector<std::string>& columns);

/// What a column is called in the key that is made.
using ColumnNaming =
    std::function<std::string(const sql::QualifiedName& table, const std::string& column)>;
std::string foreign_key_clause(const ForeignKeyParts& key, const ColumnNaming& naming);

}  // namespace pgbackfill::planner
