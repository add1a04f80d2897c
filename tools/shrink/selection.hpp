#pragma once

#include "sql/connection.hpp"
#include "tools/shrink/tables.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace pgbackfill::tools {

/// How many rows of the roots stay. The first by a hash of their key: equal seeds give equal rows.
struct ShrinkSize {
  double share = 0.01;
  std::int64_t rows = 0;  ///< of each root; 0: by share, at least one
  std::int64_t seed = 0;
};

/// Tables whose rows are drawn, all others following by foreign keys: those given or else those
/// that refer to no other table, and of what does not hang on these the first by name.
std::vector<std::string> root_tables(const SourceSchema& schema,
                                     const std::vector<std::string>& given);

/// The rows that stay, in temporary tables of the session: of the roots those drawn, all that
/// refers to a row that stays, and then what these rows refer to. A row is known by its place,
/// which in one snapshot is as good as a key.
class Selection {
 public:
  /// `connection` is in a transaction with one snapshot and holds locks on the tables.
  Selection(sql::Connection& connection, const SourceSchema& schema);

  void draw(const std::string& root, const ShrinkSize& size);
  void add_what_hangs_on_them();
  void add_what_they_refer_to();
  /// A query of the table's rows that stay.
  std::string rows(const SourceTable& table) const;

 private:
  enum class Direction { kDown, kUp };
  std::int64_t follow(const SourceKey& key, Direction direction, int from);
  void close(Direction direction);

  sql::Connection& connection_;
  const SourceSchema& schema_;
  std::map<std::string, std::string> kept_;  ///< table -> its temporary table
  int round_ = 0;
};

}  // namespace pgbackfill::tools
