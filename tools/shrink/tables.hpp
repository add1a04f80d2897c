#pragma once

#include "sql/connection.hpp"

#include <map>
#include <string>
#include <vector>

namespace pgbackfill::tools {

/// A table that holds rows of its own, or a partitioned one for all its partitions.
struct SourceTable {
  std::string name;                  ///< quoted, with its schema
  bool only = false;                 ///< without what inherits from it
  std::vector<std::string> columns;  ///< quoted; none that is computed
  std::vector<std::string> key;      ///< quoted columns of the primary key; may be empty

  std::string from() const { return (only ? "ONLY " : "") + name; }
};

/// A foreign key. A partition may have one of its own; then `table` is the whole it belongs to.
struct SourceKey {
  std::string table;     ///< whose rows refer
  std::string relation;  ///< itself or its partition that has the key
  std::string target;
  std::string target_relation;
  std::vector<std::string> columns;
  std::vector<std::string> target_columns;

  /// SQL condition between the aliases child and parent.
  std::string condition() const;
};

struct SourceSchema {
  std::vector<SourceTable> tables;  ///< by name
  std::vector<SourceKey> keys;
  std::vector<std::string> sequences;

  const SourceTable& table(const std::string& name) const;
};

/// Tables of the system, of extensions and of the ledger are left out.
SourceSchema read_source(sql::Connection& connection);

}  // namespace pgbackfill::tools
