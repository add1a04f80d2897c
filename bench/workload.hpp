#pragma once

#include "sql/connection.hpp"
#include "tests/support/temp_cluster.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace pgbackfill::bench {

/// How rows are identified. Sequential keys follow the heap's order, random ones do not.
enum class KeyType { kBigint, kUuid, kVarchar };
std::string_view to_string(KeyType key);
KeyType parse_key_type(std::string_view text);  ///< throws std::invalid_argument

/// About 90 bytes, 300 bytes (24 rows a page), 1.7 kB, and 300 bytes with 10 kB out of line.
enum class RowWidth { kNarrow, kNormal, kWide, kToasted };
std::string_view to_string(RowWidth width);
RowWidth parse_row_width(std::string_view text);  ///< throws std::invalid_argument

/// One table of the comparison: "bookings", with 60 teams of 60 organizations.
struct Cell {
  std::int64_t rows = 0;
  KeyType key = KeyType::kBigint;
  int indexes = 8;  ///< secondary ones, 0 to 8
  int fillfactor = 100;
  RowWidth width = RowWidth::kNormal;
  auto operator<=>(const Cell&) const = default;
};
std::string describe(const Cell& cell);

/// SQL type of the primary key, and what its values lie between: keys are > before_first and
/// <= last.
std::string_view key_sql_type(KeyType key);
std::string key_before_first(KeyType key);
/// The key that `part` of `parts` equal shares of the table end with.
std::string key_at(const Cell& cell, int part, int parts);

/// Fillfactor that leaves every page room for a second version of all its rows.
inline constexpr int kRoomyFillfactor = 48;
inline constexpr std::string_view kConstantOrg = "00000000-0000-0000-0000-000000000001";

/// A session with the bench's own cluster.
sql::Connection open(const test::TempCluster& cluster, std::string_view database = "postgres");

/// A database that goes with this object.
class Database {
 public:
  /// The cell's table with its data, indexes and statistics, next to organizations and team_orgs.
  static Database build(const test::TempCluster& cluster, const Cell& cell);
  /// A copy of `source`, file by file, read into shared buffers where pg_prewarm is installed.
  static Database copy_of(const Database& source);
  ~Database();
  Database(Database&& other) noexcept;
  Database& operator=(Database&&) = delete;

  const std::string& name() const noexcept { return name_; }
  std::string dsn() const { return cluster_->dsn(name_); }
  sql::Connection connect() const { return open(*cluster_, name_); }

 private:
  Database(const test::TempCluster& cluster, std::string_view create_options);
  const test::TempCluster* cluster_;
  std::string name_;
};

/// Writes by-team.toml with team_orgs.csv, and constant.toml, into `directory`.
void write_migration_files(const std::filesystem::path& directory);

}  // namespace pgbackfill::bench
